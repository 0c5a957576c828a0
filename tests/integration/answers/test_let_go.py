"""What a refused request held is freed with its answer: nothing waits for a collection, which long work puts off."""

from __future__ import annotations

import gc
import queue
import time
from collections.abc import Iterator
from typing import Any

import pytest

from server.batching.entry import Entry
from server.errors import overloaded
from tests.support.server import models
from tests.support.server.doors import DOORS, ROW, Door, get, open_door, post

MANY = b",".join([b"[1,2,3,true]"] * 3000)
TENSOR = b'{"inputs":[{"name":"X","shape":[1,4],"datatype":"FP64","data":[1,2,3,4]}]}'
PATIENCE_SECONDS = 60.0
REFUSED = {
    "no JSON": (post(b'{"features":[1'), 400),
    "a value": (post(b'{"features":[1]}'), 422),
    "a large body that is no JSON": (post(b'{"features":[' + MANY), 400),
    "a value of a large body": (post(b'{"features":[' + MANY + b"]}"), 422),
    "a table that is no JSON": (post(b'{"instances":[' + MANY, "/invocations"), 400),
    "a value of a table": (post(b'{"instances":[' + MANY + b"]}", "/invocations"), 422),
    "a tensor that is no JSON": (post(TENSOR[:-1], "/v2/models/iris/infer"), 400),
    "no tensor": (post(b'{"inputs":[]}', "/v2/models/iris/infer"), 400),
    "not packed": (post(b"x", "/v2/models/iris/infer", b"Content-Encoding: deflate"), 400),
    "too large": (post(b"x" * 70_000, "/invocations"), 413),
    "no model": (get("/models/nobody"), 404),
}
FULL = {path: (post(body, path), 503) for path, body in {"/predict": ROW, "/v2/models/iris/infer": TENSOR}.items()}


@pytest.fixture(scope="module", params=DOORS)
def door(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    folder = tmp_path_factory.mktemp("models")
    with open_door(request.param, folder, {"iris": models.classifier()}, MAX_BODY_BYTES="65536") as opened:
        yield opened


@pytest.fixture
def paused() -> Iterator[None]:
    gc.collect()
    gc.freeze()  # what is there before is not looked through again and again
    gc.disable()
    yield
    gc.enable()


def held() -> list[Any]:
    """The requests and errors that are alive, but for those with which other threads find nothing to do."""
    held = [thing for thing in gc.get_objects() if isinstance(thing, Entry | Exception)]
    return [thing for thing in held if not isinstance(thing, queue.Empty)]


def check_freed(door: Door, asked: bytes, status: int) -> None:
    """Asserts that a request that is refused leaves nothing, once its connection has ended."""
    assert door.ask(asked).status == status
    gc.collect()
    before = set(map(id, held()))
    for _ in range(3):
        assert door.ask(asked).status == status
    ends = time.monotonic() + PATIENCE_SECONDS
    while left := [thing for thing in held() if id(thing) not in before]:
        assert time.monotonic() < ends, left
        del left
        time.sleep(0.01)  # the server's thread lets go of the last connection


@pytest.mark.usefixtures("paused")
@pytest.mark.parametrize("kind", REFUSED)
def test_a_refused_request_is_let_go(door: Door, kind: str) -> None:
    check_freed(door, *REFUSED[kind])


@pytest.mark.usefixtures("paused")
@pytest.mark.parametrize("path", FULL)
def test_one_that_finds_the_server_full_is_let_go(door: Door, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    batcher = door.app.endpoints.serving._batchers["iris", "1"]
    monkeypatch.setattr(batcher, "_easy_rows", -1)
    monkeypatch.setattr(batcher._admission, "refusal", lambda now, deadline: overloaded(1.0))
    check_freed(door, *FULL[path])
