"""Keys, once set, guard every route but health, readiness and the bare page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.integration.running import Running, running

KEYS = ("first-key-0123456789", "second-key-0123456789")
ROW = b'{"features":[5.1,3.5,1.4,0.2]}'
OPEN = ("/docs", "/health", "/ping", "/v2/health/live", "/v2/health/ready")
GUARDED = [
    ("GET", "/"),
    ("GET", "/openapi.json"),
    ("GET", "/models"),
    ("GET", "/models/iris"),
    ("GET", "/metrics"),
    ("GET", "/version"),
    ("GET", "/no/such/route"),
    ("HEAD", "/models"),
    ("OPTIONS", "/predict"),
    ("POST", "/predict"),
    ("POST", "/models/iris/predict"),
    ("POST", "/models/iris/versions/1/predict"),
    ("POST", "/invocations"),
    ("POST", "//predict"),
    ("POST", "/predict/"),
    ("POST", "/%70redict"),
    ("POST", "/predict?key=first-key-0123456789"),
]
WRONG = ["", "Bearer", "Bearer ", "Bearer no-such-key-0123456789", f"Basic {KEYS[0]}", KEYS[0], f"Bearer {KEYS[0]}x"]


@pytest.fixture(scope="module")
def keyed(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    settings = {
        "DYNONNX_MODELS": str(models),
        "DYNONNX_DEFAULT_MODEL": "iris",
        "DYNONNX_API_KEYS": ",".join(KEYS),
        "WEB_CONCURRENCY": "1",
    }
    with running(settings, tmp_path_factory.mktemp("keyed") / "server.log") as server:
        yield server


@pytest.mark.fault(57)
@pytest.mark.parametrize(("method", "path"), GUARDED)
def test_without_a_key_nothing_is_told(keyed: Running, method: str, path: str) -> None:
    answer = keyed.ask(method, path, ROW if method == "POST" else None)
    assert answer.status == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    if method != "HEAD":
        assert answer.json()["code"] == "unauthorized"


@pytest.mark.parametrize("value", WRONG)
def test_a_wrong_key_is_no_key(keyed: Running, value: str) -> None:
    assert keyed.ask("POST", "/predict", ROW, {"authorization": value}).status == 401


def test_a_key_that_is_not_ascii_is_a_wrong_one(keyed: Running) -> None:
    assert keyed.ask("POST", "/predict", ROW, {"authorization": "Bearer schlüssel-0123456789"}).status == 401


@pytest.mark.parametrize("path", OPEN)
def test_health_and_the_page_are_open(keyed: Running, path: str) -> None:
    assert keyed.ask("GET", path).status == 200


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("scheme", ["Bearer", "bearer"])
def test_every_key_opens(keyed: Running, key: str, scheme: str) -> None:
    headers = {"authorization": f"{scheme} {key}"}
    assert keyed.ask("POST", "/predict", ROW, headers).json()["prediction"] == "setosa"
    for path in ("/", "/docs", "/openapi.json", "/models", "/metrics"):
        assert keyed.ask("GET", path, headers=headers).status == 200


@pytest.mark.fault(56)
def test_no_key_is_in_the_log(keyed: Running) -> None:
    assert not any(key in keyed.read_log() for key in KEYS)
