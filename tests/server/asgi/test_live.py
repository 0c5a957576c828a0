"""`GET /live` over a socket: chunks of server-sent events, by the key rule, and no stop waits for it."""

from __future__ import annotations

import socket
from pathlib import Path

import orjson
import pytest

from server.endpoints.live import MOST_WATCHERS
from tests.support.server import models
from tests.support.server.doors import DOORS, READ_SECONDS, ROW, Door, get, open_door, post

KEY = "0123456789abcdef"


class Stream:
    """One answer that does not end, read chunk by chunk."""

    def __init__(self, door: Door, *headers: bytes, method: str = "GET") -> None:
        self.socket = socket.create_connection(("127.0.0.1", door.port), READ_SECONDS)
        self.socket.sendall(get("/live", method, *headers))
        self._file = self.socket.makefile("rb")
        self.head = b"".join(iter(self._line, b"\r\n")).decode().lower()

    def _line(self) -> bytes:
        return self._file.readline()

    def chunk(self) -> bytes:
        """The next chunk; nothing where the answer has ended."""
        size = int(self._line(), 16)
        data = self._file.read(size)
        assert self._line() == b"\r\n"
        return data

    def close(self) -> None:
        self._file.close()
        self.socket.close()


def test_history_then_a_sample_a_second_until_the_stop(tmp_path: Path) -> None:
    with open_door("two", tmp_path, {"iris": models.classifier()}) as door:
        stream = Stream(door)
        assert "http/1.1 200" in stream.head
        assert "content-type: text/event-stream" in stream.head
        assert "transfer-encoding: chunked" in stream.head
        assert stream.chunk().startswith(b'event: history\ndata: {"every":1,"samples":[')
        door.ask(post(ROW))
        sample = orjson.loads(stream.chunk().removeprefix(b"data: "))
        assert sample["models"]["iris"]["requests"] > 0
        door.server.should_exit = True
        rest = [chunk for chunk in iter(stream.chunk, b"") if chunk]
        assert all(chunk.startswith(b"data: ") for chunk in rest)
    assert stream.socket.recv(1) == b"", "it ends with the connection"
    stream.close()


def test_who_may_watch(tmp_path: Path) -> None:
    with open_door("two", tmp_path, {"iris": models.classifier()}, API_KEYS=KEY) as door:
        assert door.ask(get("/live")).status == 401
        stream = Stream(door, b"Authorization: Bearer " + KEY.encode())
        assert "http/1.1 200" in stream.head
        stream.close()
        old = get("/live", "GET", b"Authorization: Bearer " + KEY.encode()).replace(b"HTTP/1.1", b"HTTP/1.0")
        assert door.ask(old).status == 400
        head = Stream(door, b"Authorization: Bearer " + KEY.encode(), method="HEAD")
        assert "content-type: text/event-stream" in head.head
        head.close()


@pytest.mark.parametrize("which", DOORS)
def test_nobody_watches_who_sends_a_body(tmp_path: Path, which: str) -> None:
    with open_door(which, tmp_path, {"iris": models.classifier()}) as door:
        for framing in (b"Content-Length: 9", b"Transfer-Encoding: chunked"):
            assert door.ask(get("/live", "GET", framing)).status == 400
        assert not door.app.endpoints.live._watchers


def test_so_many_and_those_who_leave_make_room(tmp_path: Path) -> None:
    with open_door("two", tmp_path, {"iris": models.classifier()}) as door:
        streams = [Stream(door) for _ in range(MOST_WATCHERS)]
        refused = door.ask(get("/live"))
        assert refused.status == 503
        assert refused.headers["retry-after"] == "1"
        for stream in streams:
            stream.close()
        while door.ask(get("/live"), head_only=True).status == 503:
            pass


def test_scale_and_hirefire_tell_the_demand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_door("two", tmp_path, {"iris": models.classifier()}, API_KEYS=KEY) as door:
        assert door.ask(get("/scale")).status == 401
        answer = orjson.loads(door.ask(get("/scale", "GET", b"Authorization: Bearer " + KEY.encode())).body)
        assert answer["goal"] == 0.6
        assert answer["dynos"] >= 1
        assert door.ask(get("/hirefire/token/info")).status == 401, "no token is set"
        gate = door.app.endpoints.gate
        monkeypatch.setattr(gate, "_hirefire_token", "secret-token")
        told = door.ask(get("/hirefire/secret-token/info"))
        assert told.status == 200
        (manager,) = orjson.loads(told.body)
        assert manager["name"] == "web"
        assert isinstance(manager["value"], int)
        assert door.ask(get("/hirefire/other-token/info")).status == 401
        with_key = get("/hirefire/other-token/info", "GET", b"Authorization: Bearer " + KEY.encode())
        assert door.ask(with_key).status == 404
