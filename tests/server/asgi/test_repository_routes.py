"""The repository's routes: the index is a read, load and unload need an admin key, and nothing is uploaded."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from server.asgi.repository_routes import MAX_CONTROL_BYTES
from server.errors import ServerError
from tests.support.server.doors import DOORS, Door, Reply, open_door
from tests.support.server.models import classifier, plain

ADMIN, KEY = "admin-key-0123456789", "some-key-0123456789"
LOAD = "/v2/repository/models/iris/load"
UNLOAD = "/v2/repository/models/iris/unload"


def post(path: str, value: Any = None, key: str | None = None, kind: str | None = None) -> bytes:
    """A POST as tritonclient writes it: without a Content-Type unless asked for."""
    body = b"" if value is None else value if isinstance(value, bytes) else orjson.dumps(value)
    lines = [f"POST {path} HTTP/1.1", "Host: test", f"Content-Length: {len(body)}"]
    lines += [f"Authorization: Bearer {key}"] if key else []
    lines += [f"Content-Type: {kind}"] if kind else []
    return "\r\n".join([*lines, "", ""]).encode() + body


@pytest.fixture(scope="module", params=DOORS)
def door(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    """Two models behind a door, with both kinds of keys."""
    folder = tmp_path_factory.mktemp("models")
    models = {"iris": classifier(), "plain": plain()}
    with open_door(request.param, folder, models, API_KEYS=KEY, ADMIN_KEYS=ADMIN) as opened:
        yield opened


@pytest.fixture
def calls(door: Door) -> list[tuple[str, str]]:
    """What reaches the arbiter."""
    noted: list[tuple[str, str]] = []

    async def control(action: str, name: str) -> None:
        noted.append((action, name))
        if name == "bad":
            raise ServerError("bad_request", "not loaded: bad.onnx is empty")

    door.app.endpoints.control = control
    return noted


def error(reply: Reply) -> tuple[int, str]:
    """Status and code, of what must be our envelope."""
    envelope = orjson.loads(reply.body)
    assert isinstance(envelope["error"], str)
    return reply.status, envelope["code"]


@pytest.mark.parametrize("path", [LOAD, UNLOAD, "/v2/repository/index"])
def test_a_body_beyond_64_kb_is_too_large(path: str, door: Door, calls: list[tuple[str, str]]) -> None:
    assert error(door.ask(post(path, b" " * (MAX_CONTROL_BYTES + 1), ADMIN))) == (413, "body_too_large")
    assert calls == []


@pytest.mark.parametrize("kind", [None, "application/octet-stream", "application/json"])
def test_the_index_lists_every_version(door: Door, kind: str | None) -> None:
    reply = door.ask(post("/v2/repository/index", None, KEY, kind))
    assert reply.status == 200
    assert orjson.loads(reply.body) == [
        {"name": "iris", "version": "1", "state": "READY", "reason": ""},
        {"name": "plain", "version": "1", "state": "READY", "reason": ""},
    ]


def test_the_index_tells_what_is_refused_unless_only_the_ready_are_asked_for(door: Door) -> None:
    repository = door.app.endpoints.repository
    repository._refused = {("bad", "3"): "is empty", ("iris", "1"): "the new file is empty"}
    try:
        whole = orjson.loads(door.ask(post("/v2/repository/index", {}, KEY)).body)
        ready = orjson.loads(door.ask(post("/v2/repository/index", {"ready": True}, KEY)).body)
        listed = orjson.loads(
            door.ask(b"GET /models HTTP/1.1\r\nHost: t\r\nAuthorization: Bearer %b\r\n\r\n" % KEY.encode()).body
        )
    finally:
        repository._refused = {}
    assert whole[0] == {"name": "iris", "version": "1", "state": "READY", "reason": "the new file is empty"}
    assert whole[2] == {"name": "bad", "version": "3", "state": "UNAVAILABLE", "reason": "is empty"}
    assert [row["name"] for row in ready] == ["iris", "plain"]
    assert [(row["name"], row["ready"], row.get("reason")) for row in listed["models"]] == [
        ("iris", True, "the new file is empty"),
        ("plain", True, None),
        ("bad", False, "is empty"),
    ]


@pytest.mark.parametrize("body", [b"[]", b"{", b'{"ready": 1}', b"\xff"])
def test_an_index_body_that_is_none_is_told(door: Door, body: bytes) -> None:
    assert door.ask(post("/v2/repository/index", body, KEY)).status == 400


@pytest.mark.parametrize("body", [None, {}, {"parameters": {}}, {"parameters": {"unload_dependents": False}}])
def test_load_and_unload_reach_the_arbiter(door: Door, calls: list[tuple[str, str]], body: Any) -> None:
    for path in (LOAD, UNLOAD):
        answer = door.ask(post(path, body, ADMIN))
        assert (answer.status, answer.body, "content-type" in answer.headers) == (200, b"", False)
    assert calls == [("load", "iris"), ("unload", "iris")]


def test_a_refusal_is_handed_on(door: Door, calls: list[tuple[str, str]]) -> None:
    assert error(door.ask(post("/v2/repository/models/bad/load", {}, ADMIN))) == (400, "bad_request")


@pytest.mark.parametrize("key", [None, KEY, "no-such-key-0123456789"])
@pytest.mark.parametrize("path", [LOAD, UNLOAD])
def test_without_an_admin_key_nothing_is_done(
    door: Door, calls: list[tuple[str, str]], path: str, key: str | None
) -> None:
    reply = door.ask(post(path, {}, key))
    assert error(reply) == (401, "unauthorized")
    assert reply.headers["www-authenticate"] == "bearer"
    assert calls == []


@pytest.mark.parametrize(
    "parameters", [{"config": "{}"}, {"file:1/model.onnx": "AAAA"}, {"config": "{}", "file:x": ""}, []]
)
def test_nothing_is_uploaded(door: Door, calls: list[tuple[str, str]], parameters: Any) -> None:
    for path in (LOAD, UNLOAD):
        assert error(door.ask(post(path, {"parameters": parameters}, ADMIN))) == (400, "bad_request")
    assert calls == []


def test_an_admin_key_opens_all(door: Door) -> None:
    assert (
        door.ask(b"GET /models HTTP/1.1\r\nHost: t\r\nAuthorization: Bearer %b\r\n\r\n" % ADMIN.encode()).status == 200
    )
    assert door.ask(b"GET /models HTTP/1.1\r\nHost: t\r\n\r\n").status == 401


@pytest.mark.parametrize("which", DOORS)
def test_without_admin_keys_the_control_is_off(which: str, tmp_path: Path) -> None:
    with open_door(which, tmp_path, {"iris": classifier()}) as opened:
        for path in (LOAD, UNLOAD):
            assert error(opened.ask(post(path, {}, ADMIN))) == (501, "unsupported")
        assert opened.ask(post("/v2/repository/index")).status == 200


def test_admin_keys_alone_leave_the_rest_open(tmp_path: Path) -> None:
    with open_door("two", tmp_path, {"iris": classifier()}, ADMIN_KEYS=ADMIN) as opened:
        assert opened.ask(b"GET /models HTTP/1.1\r\nHost: t\r\n\r\n").status == 200
        assert error(opened.ask(post(LOAD))) == (401, "unauthorized")
        assert error(opened.ask(post(LOAD, {}, ADMIN))) == (501, "unsupported"), "no arbiter listens here"
