"""Every refusal, on bare sockets: its status, its three keys, its request id; the worker keeps serving."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.integration.running import Running, running
from tests.support.integration.wire import Answer, exchange, request

MAX_BODY_BYTES = 4096
MAX_ROWS = 5
ROW = [5.1, 3.5, 1.4, 0.2]


@pytest.fixture(scope="module")
def small(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server with narrow limits; the same worker must serve all these tests."""
    settings = {
        "DYNONNX_MODELS": str(models),
        "DYNONNX_DEFAULT_MODEL": "iris",
        "DYNONNX_MAX_BODY_BYTES": str(MAX_BODY_BYTES),
        "DYNONNX_MAX_ROWS": str(MAX_ROWS),
        "WEB_CONCURRENCY": "1",
    }
    with running(settings, tmp_path_factory.mktemp("small") / "server.log") as server:
        workers = server.workers()
        yield server
        assert server.workers() == workers
        assert "Traceback" not in server.read_log()


def head(method: str, path: str, *headers: str) -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: test", *headers, "", ""]).encode("latin-1")


def chunked(*chunks: bytes) -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)


def check(answer: Answer, status: int, code: str) -> Answer:
    assert answer.status == status, answer
    assert answer.headers["content-type"] == "application/json"
    said = answer.json()
    assert set(said) == {"error", "code", "request_id"}
    assert said["code"] == code
    assert said["error"]
    assert said["request_id"] == answer.headers["x-request-id"]
    return answer


@pytest.mark.fault(1)
@pytest.mark.parametrize(
    "garbage",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(200)),
        b"hello\r\n\r\n",
        b"POST\r\n\r\n",
        b"GET / HTTP/9.9\r\nHost: test\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost : test\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: te\x00st\r\n\r\n",
        b"POST /predict HTTP/1.1\r\nHost: test\r\nContent-Length: -1\r\n\r\n",
        b"POST /predict HTTP/1.1\r\nHost: test\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /predict HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
    ],
)
def test_bytes_that_are_not_http(small: Running, garbage: bytes) -> None:
    check(exchange(small.port, garbage)[0], 400, "bad_request")


@pytest.mark.fault(5, 55)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/nothing"),
        ("POST", "/models/tulip/predict"),
        ("POST", "/models/iris/versions/7/predict"),
        ("POST", "/models/../predict"),
        ("POST", "/models/%2e%2e%2fetc/predict"),
        ("GET", "/models/tulip"),
        ("GET", "/%0d%0aX-Evil:%20yes"),
    ],
)
def test_what_is_not_there(small: Running, method: str, path: str) -> None:
    data = request(path, {"features": ROW}) if method == "POST" else head(method, path)
    answer = check(exchange(small.port, data)[0], 404, "not_found")
    assert "x-evil" not in answer.headers


@pytest.mark.fault(5)
@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/predict", "POST"),
        ("DELETE", "/predict", "POST"),
        ("PUT", "/models/iris/predict", "POST"),
        ("POST", "/models", "GET"),
        ("POST", "/health", "GET"),
        ("TRACE", "/docs", "GET"),
    ],
)
def test_a_method_that_a_route_does_not_take(small: Running, method: str, path: str, allowed: str) -> None:
    (answer,) = exchange(small.port, head(method, path, "Content-Length: 0"))
    check(answer, 405, "method_not_allowed")
    assert allowed in answer.headers["allow"]
    assert answer.json()["error"].startswith(f'"{path}" does not take {method}; it takes {allowed}')


@pytest.mark.fault(8)
def test_a_body_that_is_too_large_by_its_length(small: Running) -> None:
    length = f"Content-Length: {MAX_BODY_BYTES + 1}"
    for expect in ((), ("Expect: 100-continue",)):
        data = head("POST", "/predict", "Content-Type: application/json", length, *expect)
        check(exchange(small.port, data)[0], 413, "body_too_large")


@pytest.mark.fault(8)
def test_a_body_that_is_too_large_by_its_chunks(small: Running) -> None:
    opening = head("POST", "/predict", "Content-Type: application/json", "Transfer-Encoding: chunked")
    chunks = chunked(*[b" " * 1000] * 10)
    check(exchange(small.port, opening, chunks)[0], 413, "body_too_large")


def test_too_many_rows(small: Running) -> None:
    assert exchange(small.port, request("/predict", {"features": [ROW] * MAX_ROWS}))[0].status == 200
    check(exchange(small.port, request("/predict", {"features": [ROW] * (MAX_ROWS + 1)}))[0], 413, "too_many_rows")


@pytest.mark.fault(6)
@pytest.mark.parametrize(
    "header",
    [
        "Content-Type: text/plain",
        "Content-Type: application/x-www-form-urlencoded",
        "Content-Type: multipart/form-data; boundary=x",
        "Content-Type: application/json\r\nContent-Encoding: gzip",
    ],
)
def test_a_body_that_is_not_sent_as_json(small: Running, header: str) -> None:
    data = head("POST", "/predict", header, "Content-Length: 2") + b"{}"
    check(exchange(small.port, data)[0], 415, "unsupported_media_type")


def test_json_is_taken_with_and_without_a_content_type(small: Running) -> None:
    body = b'{"features":[5.1,3.5,1.4,0.2]}'
    for header in ((), ("Content-Type: application/json; charset=utf-8",), ("Content-Type: APPLICATION/JSON",)):
        data = head("POST", "/predict", f"Content-Length: {len(body)}", *header) + body
        assert exchange(small.port, data)[0].json()["prediction"] == "setosa"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"features",
        b'{"features":[5.1,3.5,1.4,NaN]}',
        b'{"features":[5.1,3.5,1.4,0.2]}}',
        b'\xef\xbb\xbf{"features":[5.1,3.5,1.4,0.2]}',
        b'{"features":["\xff"]}',
        b'{"features":[5.1,3.5,1.4,1e999]}',
    ],
)
def test_a_body_that_is_not_json(small: Running, body: bytes) -> None:
    check(exchange(small.port, request("/predict", body))[0], 400, "bad_json")


@pytest.mark.parametrize("depth", [20, 1000, 1900])
def test_json_that_is_nested_too_deep(small: Running, depth: int) -> None:
    body = b'{"features":[5.1,3.5,1.4,' + b"[" * depth + b"]" * depth + b"]}"
    check(exchange(small.port, request("/predict", body))[0], 400, "too_deep")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"features": [5.1, 3.5, "x", 0.2]}, 'features[2]: expected a number, got "x"'),
        ({"features": [5.1, 3.5, True, 0.2]}, "features[2]: expected a number, got true"),
        ({"features": [5.1, 3.5, None, 0.2]}, "features[2]: expected a number, got null"),
        ({"features": [5.1, 3.5]}, "expected 4 values"),
        ({"features": [[5.1, 3.5, 1.4, 0.2], [1]]}, "features[1]"),
        (
            {"features": {"sepal length (cm)": 1}},
            "missing features 'sepal width (cm)', 'petal length (cm)', 'petal width (cm)'",
        ),
        ({"features": []}, "no rows"),
        ({"feature": ROW}, "feature"),
        ({}, "features"),
        ([], "features"),
        ({"features": ROW, "probabilities": "yes"}, "probabilities"),
    ],
)
def test_json_that_does_not_fit_the_model(small: Running, value: object, words: str) -> None:
    assert words in check(exchange(small.port, request("/predict", value))[0], 422, "invalid_input").json()["error"]


@pytest.mark.parametrize("name", ["a", "Abc-123", "0" * 64])
def test_a_well_formed_request_id_is_given_back(small: Running, name: str) -> None:
    for path, status in (("/predict", 200), ("/none", 404), ("/models/iris/predict", 200)):
        (answer,) = exchange(small.port, request(path, {"features": ROW}, f"X-Request-ID: {name}"))
        assert (answer.status, answer.headers["x-request-id"]) == (status, name)


@pytest.mark.fault(58)
@pytest.mark.parametrize("name", ["", "0" * 65, "a b", "a/b", "ä", "a\tb", '"a"', "a;b=1"])
def test_any_other_request_id_is_replaced(small: Running, name: str) -> None:
    for path in ("/predict", "/none"):
        data = request(path, {"features": ROW}).replace(b"\r\n\r\n", f"\r\nX-Request-ID: {name}\r\n\r\n".encode(), 1)
        (answer,) = exchange(small.port, data)
        assert answer.headers["x-request-id"] not in (name, "")
        assert len(answer.headers["x-request-id"]) <= 64


def test_every_answer_has_an_id_of_its_own(small: Running) -> None:
    data = request("/predict", {"features": ROW})
    answers = exchange(small.port, data * 50, answers=50)
    assert len({answer.headers["x-request-id"] for answer in answers}) == 50


@pytest.mark.fault(7)
def test_pipelined_requests_are_answered_in_order(small: Running) -> None:
    asked = [
        request("/predict", {"features": ROW}, "X-Request-ID: a"),
        head("GET", "/models", "X-Request-ID: b"),
        request("/predict", {"features": [ROW] * 3}, "X-Request-ID: c"),
        request("/models/tulip/predict", {"features": ROW}, "X-Request-ID: d"),
        request("/predict", {"features": ["x"]}, "X-Request-ID: e"),
        request("/predict", {"features": ROW}, "X-Request-ID: f"),
    ]
    answers = exchange(small.port, b"".join(asked), answers=len(asked))
    assert [answer.headers["x-request-id"] for answer in answers] == list("abcdef")
    assert [answer.status for answer in answers] == [200, 200, 200, 404, 422, 200]


def test_a_body_one_byte_at_a_time(small: Running) -> None:
    data = request("/predict", {"features": ROW})
    assert exchange(small.port, *[data[at : at + 1] for at in range(len(data))])[0].json()["prediction"] == "setosa"
