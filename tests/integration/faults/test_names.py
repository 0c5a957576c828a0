"""Names, paths and headers that want to be something else: 404, an id of ours, one line of the log; rows 55 and 58."""

from __future__ import annotations

from urllib.parse import quote

import orjson
import pytest

from server.codecs.refusals import shown
from tests.support.integration.targets import Target
from tests.support.server import models
from tests.support.server.doors import ROW, Reply, get, post

MODELS = {"iris": models.classifier}
SETTINGS = {"LOG_FORMAT": "json", "LOG_LEVEL": "debug"}
GOLDEN = post(ROW)


def in_envelope(answer: Reply, *statuses: int) -> str:
    """The sentence of a refusal."""
    assert answer.status in statuses, answer.raw
    said = orjson.loads(answer.body)
    assert set(said) == {"error", "code", "request_id"}
    return str(said["error"])


NAMES = [
    ".",
    "..",
    "../iris",
    "..\\iris",
    "iris/.",
    "iris/1",
    "iris/1/model.onnx",
    "iris.onnx",
    "./iris",
    "a/b",
    "/etc/passwd",
    "C:\\x",
    "\\\\host\\share",
    "iris\0",
    "iris\0.onnx",
    "iris ",
    " iris",
    "iris\n",
    "Iris",
    "IRIS",
    "ir\u0131s",
    "\uff49\uff52\uff49\uff53",
    "ir\u0456s",
    "iris\u200b",
    "x" * 300,
    "%2e%2e",
    "%2e%2e%2firis",
    "..%2firis",
    "~root",
    "$HOME",
    "{name}",
    "iris;version=1",
    "*",
]


@pytest.mark.fault(55)
@pytest.mark.parametrize("name", NAMES, ids=repr)
def test_a_name_is_looked_up_and_nothing_else(target: Target, name: str) -> None:
    path = quote(name, safe="")
    for request in (
        post(ROW, f"/models/{path}/predict"),
        post(ROW, f"/models/iris/versions/{path}/predict"),
        post(b"{}", f"/v2/models/{path}/infer"),
        post(b"{}", f"/v2/models/iris/versions/{path}/infer"),
        get(f"/models/{path}"),
        get(f"/v2/models/{path}"),
        get(f"/v2/models/{path}/ready"),
    ):
        said = in_envelope(target.ask(request), 404, 405)
        of_its_own = said.replace(shown(name), "").replace(name, "").replace("iris.onnx", "")  # less what was asked
        assert "onnx" not in of_its_own
        assert name not in said or len(name) <= 64


@pytest.mark.fault(55)
@pytest.mark.parametrize(
    "path", ["..", ".", "", "a/b", "../iris", "./iris", "iris/../iris", "iris/1", "iris\\..\\iris"]
)
def test_a_path_is_taken_as_it_stands(target: Target, path: str) -> None:
    for template in ("/models/{}/predict", "/models/{}/versions/1/predict", "/v2/models/{}/infer"):
        answer = target.ask(post(ROW, template.format(path)))
        in_envelope(answer, 404, 405, 400)


EVIL = {
    "CR LF": "%0d%0aX-Evil:%20yes%0d%0a%0d%0a",
    "ESC": "%1b[2J%1b]0;x%07",
    "a line of the log": '%0a{"level":"error","message":"forged"}',
    "C1": "%c2%9b31m",
    "NUL": "%00",
    "separators": "%e2%80%a8%e2%80%a9%c2%85",
    "not UTF-8": "%ff%fe",
    "braces": "%7b0%7d%25s%n",
}


@pytest.mark.fault(58)
@pytest.mark.parametrize("what", EVIL)
def test_no_path_makes_a_header_or_a_line(target: Target, what: str) -> None:
    path = EVIL[what]
    for request in (
        get(f"/{path}"),
        get(f"/models?{path}"),
        post(ROW, f"/models/{path}/predict"),
        post(b"{}", f"/v2/models/{path}/infer"),
        post(ROW, f"/predict?{path}"),
    ):
        answer = target.ask(request)
        assert answer.status in (200, 400, 404)
        assert "x-evil" not in answer.headers
        assert not any(byte < 32 or byte == 127 for byte in answer.body if byte not in b"\n")
    check_log(target)


@pytest.mark.fault(58)
@pytest.mark.parametrize(
    "value", [b"", b"x" * 65, b"a b", b"a\x1bb", b"a;b", b"\xc3\xa4", b"../x", b"%0d%0a", b"x" * 10_000]
)
def test_an_id_is_ours_unless_it_is_well_formed(target: Target, value: bytes) -> None:
    for request in (post(ROW, "/predict", b"X-Request-ID: " + value), get("/none", "GET", b"X-Request-ID: " + value)):
        answer = target.ask(request)
        assert answer.status in (200, 400, 404, 431)
        if b"Invalid HTTP" in answer.body:
            continue  # a control character in a header: uvicorn itself refuses it at door one
        given = answer.headers["x-request-id"]
        assert given != value.decode("latin-1")
        assert given.replace("-", "").isalnum()
        assert len(given) <= 64
    check_log(target)


@pytest.mark.fault(58)
def test_ten_kilobytes_of_a_target_are_not_echoed(target: Target) -> None:
    for request in (get("/" + "x" * 10_000), post(ROW, f"/models/{'x' * 10_000}/predict")):
        assert "x" * 65 not in in_envelope(target.ask(request), 404, 414)  # door one has no limit of its own


def check_log(target: Target) -> None:
    """Every line of the log is one object, and none was written by a client."""
    for line in target.read_log().splitlines():
        said = orjson.loads(line)
        assert "forged" not in (said["message"], said.get("level"))
        assert line.isprintable()
