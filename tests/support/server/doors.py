"""Runs the server in a thread of this process, behind either door, and sends it raw bytes."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import uvloop
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import Server

from server.asgi.app import App
from server.endpoints.lifecycle import Endpoints
from server.http.connection import Connection
from server.http.keyed import connection_class
from server.metrics.scoreboard import Scoreboard
from server.models.folder import scan
from server.models.repository import Repository
from server.settings import Settings, read_settings
from tests.support.models.loading import load_version
from tests.support.server.models import Made

DOORS = ("one", "two")
READ_SECONDS = 30.0  # of patience with a busy machine
ROW = b'{"features":[5.1,3.5,1.4,0.2]}'


def load(folder: Path, models: Mapping[str, Made], settings: Settings) -> Repository:
    """Writes files as version 1 of their names and loads them as a trial's child does."""
    for name, made in models.items():
        (folder / name / "1").mkdir(parents=True, exist_ok=True)
        (folder / name / "1" / "model.onnx").write_bytes(made.data)
    loaded = [
        load_version(
            file,
            max_rows=settings.max_rows,
            max_batch_rows=settings.max_batch_rows,
            max_body_bytes=settings.max_body_bytes,
            ort_threads=settings.ort_threads,
        )
        for file in scan(folder).files
    ]
    return Repository(loaded, {}, settings.default_model)


def masked(raw: bytes) -> bytes:
    """Answers without their dates and generated request ids."""
    return re.sub(rb"[0-9a-f]{12}-[0-9a-f]+", b"ID", re.sub(rb"date: [^\r]+", b"date: -", raw))


@dataclass(frozen=True)
class Reply:
    """One answer as it came. ``body`` is what Content-Length or the end of the connection bounds."""

    status: int
    headers: dict[str, str]
    body: bytes
    raw: bytes

    @property
    def masked(self) -> bytes:
        """The whole answer without what may differ between two of the same."""
        return masked(self.raw)


class Client:
    """One connection. Reads with a time limit, so that a lost answer fails instead of hanging."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), READ_SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = b""

    def send(self, data: bytes) -> Client:
        """Sends bytes as they are."""
        self.socket.sendall(data)
        return self

    def _more(self) -> bool:
        data = self.socket.recv(65536)
        self._buffer += data
        return bool(data)

    def read(self, *, head_only: bool = False) -> Reply:
        """The next answer. Raises EOFError where the connection ends before it does."""
        while b"\r\n\r\n" not in self._buffer:
            if not self._more():
                raise EOFError(self._buffer)
        head, rest = self._buffer.split(b"\r\n\r\n", 1)
        lines = head.decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines[1:])
        length = 0 if head_only else int(headers.get("content-length", 0))
        while len(rest) < length:
            if not self._more():
                raise EOFError(self._buffer)
            rest = self._buffer.split(b"\r\n\r\n", 1)[1]
        self._buffer = rest[length:]
        body = rest[:length]
        return Reply(int(lines[0].split()[1]), headers, body, head + b"\r\n\r\n" + body)

    def ended(self) -> bool:
        """Whether the server closes the connection without sending more. Disconnects in any case."""
        with self.socket, contextlib.suppress(ConnectionResetError):
            while self._more():
                pass
        return not self._buffer

    def close(self) -> None:
        """Disconnects."""
        self.socket.close()


@dataclass
class Listening:
    """A running server on a port."""

    port: int

    def connect(self) -> Client:
        """A new connection."""
        return Client(self.port)

    def ask(self, data: bytes, *, head_only: bool = False) -> Reply:
        """The answer to one request on a connection of its own."""
        client = self.connect()
        try:
            return client.send(data).read(head_only=head_only)
        finally:
            client.close()


@dataclass
class Door(Listening):
    """A running server behind one door."""

    server: Server
    app: App
    protocol: type[Any]


def check_refused(door: Door, good: bytes, bad: bytes, status: int) -> None:
    """Asserts that a bad request after a good one is refused with our envelope, once the good one is answered.

    The connection ends with the refusal, and the server goes on.
    """
    client = door.connect().send(good + bad)
    assert client.read().status == 200
    answer = client.read()
    assert answer.status == status
    assert set(orjson.loads(answer.body)) == {"error", "code", "request_id"}
    assert answer.headers["connection"] == "close"
    assert client.ended()
    assert door.ask(get("/health")).status == 200


class Wire:
    """Stands for a transport: keeps what is written."""

    def __init__(self) -> None:
        self.written = b""
        self._state = "open"
        self.unwritten = 0

    def state(self) -> str:
        return self._state

    def get_write_buffer_size(self) -> int:
        return self.unwritten

    def write(self, data: bytes) -> None:
        self.written += data

    def writelines(self, pieces: Iterable[bytes | memoryview]) -> None:
        self.written += b"".join(pieces)

    def close(self) -> None:
        self._state = "closed"

    def abort(self) -> None:
        self._state = "aborted"

    def is_closing(self) -> bool:
        return self._state != "open"

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default

    def pause_reading(self) -> None:
        return

    def resume_reading(self) -> None:
        return


def post(body: bytes, path: str = "/predict", *headers: bytes, length: int | None = None) -> bytes:
    """A POST of JSON as most clients write it."""
    size = len(body) if length is None else length
    lines = [b"POST %b HTTP/1.1" % path.encode(), b"Host: test", b"Content-Type: application/json"]
    return b"\r\n".join([*lines, b"Content-Length: %d" % size, *headers, b"", b""]) + body


def get(path: str, method: str = "GET", *headers: bytes) -> bytes:
    """A request without a body."""
    return b"\r\n".join([f"{method} {path} HTTP/1.1".encode(), b"Host: test", *headers, b"", b""])


@contextmanager
def open_door(door: str, folder: Path, models: Mapping[str, Made], **environment: str) -> Iterator[Door]:
    """Serves ``models`` behind door ``one`` (any ASGI server's way in) or ``two`` until the block ends."""
    settings = read_settings({f"DYNONNX_{name}": value for name, value in environment.items()})
    endpoints = Endpoints(load(folder, models, settings), settings, Scoreboard(2, 2 * len(models)), 1)
    app = App(endpoints)
    protocol: type[Any] = HttpToolsProtocol if door == "one" else connection_class(endpoints)
    listener = socket.create_server(("127.0.0.1", 0))
    config = Config(
        app,
        http=protocol,
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="on",
        timeout_keep_alive=95,
    )
    server = Server(config)
    thread = threading.Thread(target=lambda: uvloop.run(server.serve([listener])))
    thread.start()
    try:
        yield Door(listener.getsockname()[1], server, app, protocol)
    finally:
        server.should_exit = True
        thread.join(30)
        assert not thread.is_alive(), "the server did not stop"


__all__ = ["DOORS", "ROW", "Client", "Connection", "Door", "Reply", "Wire", "get", "open_door", "post"]
