"""Ways round a key: nothing but the key opens, whatever stands beside it; rows 56 and 57."""

from __future__ import annotations

import orjson
import pytest

from tests.support.integration.targets import Target
from tests.support.server import models
from tests.support.server.doors import ROW, Reply, get, post

KEY, ADMIN_KEY = "one-good-key-0123456789", "admin-good-key-0123456789"
MODELS = {"iris": models.classifier}
SETTINGS = {"API_KEYS": KEY, "ADMIN_KEYS": ADMIN_KEY}
BEARER = f"Authorization: Bearer {KEY}".encode()
GOLDEN = post(ROW, "/predict", BEARER)


def kept_out(answer: Reply, *, head_only: bool = False) -> None:
    """One and the same refusal, whatever was tried."""
    assert (answer.status, answer.headers["www-authenticate"]) == (401, "bearer")
    if not head_only:
        said = orjson.loads(answer.body)
        assert set(said) == {"error", "code", "request_id"}
        assert said["code"] == "unauthorized"
        assert KEY not in said["error"]


NO_KEYS = {
    "none": (),
    "empty": (b"Authorization: ",),
    "no value": (b"Authorization: Bearer",),
    "wrong": (b"Authorization: Bearer " + KEY[::-1].encode(),),
    "shorter": (BEARER[:-1],),
    "longer": (BEARER + b"0",),
    "another case": (b"Authorization: Bearer " + KEY.upper().encode(),),
    "another scheme": (b"Authorization: Basic " + KEY.encode(),),
    "no scheme": (b"Authorization: " + KEY.encode(),),
    "twice": (BEARER, BEARER),
    "twice, once wrong": (BEARER, b"Authorization: Bearer wrong-key-0123456789"),
    "two in one": (BEARER + b", " + KEY.encode(),),
    "not ASCII": ("Authorization: Bearer schlüssel-0123456789".encode(),),
    "not UTF-8": (b"Authorization: Bearer \xff\xfe\xfd-0123456789ab",),
    "8 KB": (b"Authorization: Bearer " + b"x" * 8000,),
    "in another header": (b"X-Api-Key: " + KEY.encode(), b"Proxy-Authorization: Bearer " + KEY.encode()),
    "in a cookie": (b"Cookie: Authorization=Bearer " + KEY.encode(),),
}


@pytest.mark.fault(56)
@pytest.mark.parametrize("what", NO_KEYS)
def test_what_is_not_the_key_is_refused_before_the_body_is_read(target: Target, what: str) -> None:
    for path in ("/predict", "/invocations", "/v2/models/iris/infer"):
        kept_out(target.ask(post(b"", path, *NO_KEYS[what], length=1_000_000)))


@pytest.mark.fault(56)
def test_a_key_of_a_megabyte_opens_nothing(target: Target) -> None:
    client = target.connect()
    try:
        client.send(post(ROW, "/predict", b"Authorization: Bearer " + b"x" * 1_000_000))
        assert client.read().status in (401, 431)  # door one has no limit of its own
    except ConnectionError:
        pass  # it was refused and closed before all was sent
    finally:
        client.close()


@pytest.mark.fault(56)
@pytest.mark.parametrize("name", ["key", "token", "api_key", "access_token", "Authorization"])
def test_a_key_in_the_query_is_none(target: Target, name: str) -> None:
    kept_out(target.ask(post(ROW, f"/predict?{name}={KEY}")))
    kept_out(target.ask(get(f"/models?{name}=Bearer%20{KEY}")))


@pytest.mark.fault(56)
def test_spaces_and_the_case_of_the_scheme_do_not_matter_and_no_key_is_logged(target: Target) -> None:
    wanted = target.ask(GOLDEN).masked
    for scheme in (b"bearer", b"BEARER", b"Bearer  "):
        assert target.ask(post(ROW, "/predict", b"Authorization: %b %b" % (scheme, KEY.encode()))).masked == wanted
    target.ask(post(ROW, "/models/none/predict", BEARER))
    target.ask(post(b"{", "/predict", BEARER))
    assert KEY not in target.read_log()


# Where another server might find the prediction, a metric or the control, and this one must ask for a key all the same.
ALIASES = [
    "/",
    "//predict",
    "/predict/",
    "/./predict",
    "/health/../predict",
    "/health/..%2fpredict",
    "/health;/predict",
    "/health%3f/../predict",
    "/%2fpredict",
    "/%70redict",
    "/PREDICT",
    "/predict?/health",
    "/predict%00/health",
    "/predict.json",
    "/v1/models/iris:predict",
    "/invocations",
    "/invocations/",
    "/models/iris/predict",
    "/models/iris/versions/1/predict",
    "/v2/models/iris/infer",
    "/v2//models/iris/infer",
    "/v2/health/ready/../../models/iris/infer",
    "/v2/health/ready%2f..%2f..%2fmodels/iris/infer",
    "/v2/repository/index",
    "/v2/repository/models/iris/unload",
    "/v2/repository/models/iris/load",
    "/metrics",
    "/metrics/",
    "/v2/models/stats",
    "/openapi.json",
    "/docs/",
    "/version",
]


@pytest.mark.fault(57)
@pytest.mark.parametrize("method", ["GET", "POST", "HEAD", "OPTIONS", "TRACE"])
def test_no_other_name_and_no_method_gets_past_the_key(target: Target, method: str) -> None:
    for path in ALIASES:
        request = post(ROW, path).replace(b"POST", method.encode(), 1)
        kept_out(target.ask(request, head_only=method == "HEAD"), head_only=method == "HEAD")


FORGED = [
    b"X-Original-URL: /health",
    b"X-Rewrite-URL: /health",
    b"X-Forwarded-Prefix: /health",
    b"X-Forwarded-For: 127.0.0.1",
    b"X-Forwarded-Host: localhost",
    b"X-Forwarded-Proto: https",
    b"Forwarded: for=127.0.0.1;host=localhost",
    b"X-HTTP-Method-Override: GET",
    b"X-Real-IP: 127.0.0.1",
    b"Origin: null",
    b"Access-Control-Request-Method: POST",
    b"X-Authenticated-User: admin",
]


@pytest.mark.fault(57)
@pytest.mark.parametrize("path", ["/predict", "/metrics", "/v2/models/iris/infer", "/v2/repository/models/iris/unload"])
def test_what_a_proxy_might_say_opens_nothing(target: Target, path: str) -> None:
    for header in FORGED:
        kept_out(target.ask(post(ROW, path, header)))


@pytest.mark.fault(57)
@pytest.mark.parametrize(
    "host", [b"localhost/health", b"test/health?", b"x#/health", b"test:80/health", b"a@b/health", b""]
)
def test_a_host_decides_nothing(target: Target, host: bytes) -> None:
    answer = target.ask(post(ROW).replace(b"Host: test", b"Host: " + host))
    assert answer.status in (400, 401)
    assert b"prediction" not in answer.body


@pytest.mark.fault(57)
@pytest.mark.parametrize("path", ["/v2/repository/models/iris/unload", "/v2/repository/models/iris/load"])
def test_control_takes_its_own_key_only(target: Target, path: str) -> None:
    kept_out(target.ask(post(b"", path, BEARER)))
    assert (
        target.ask(post(b"", path.replace("iris", "none"), b"Authorization: Bearer " + ADMIN_KEY.encode())).status
        != 401
    )


@pytest.mark.fault(57)
@pytest.mark.parametrize("path", ["/health", "/ping", "/v2/health/live", "/v2/health/ready"])
def test_health_alone_is_open(target: Target, path: str) -> None:
    assert target.ask(get(path)).status == 200
    assert target.ask(post(ROW, path)).status in (401, 405)
