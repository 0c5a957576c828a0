"""Owns HTTP/1.1 on bare sockets for tests: sends bytes, reads whole answers, names every loss."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

import orjson

READ_SECONDS = 60.0  # of patience with a busy machine
HEAD_END = b"\r\n\r\n"


class Lost(ConnectionError):
    """The connection ended before the first byte of an answer."""


class CutOff(ConnectionError):
    """The connection ended in the middle of an answer."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body, parsed."""
        return orjson.loads(self.body)


def request(path: str, value: Any, *headers: str) -> bytes:
    """The bytes of a POST of JSON."""
    body = value if isinstance(value, bytes) else orjson.dumps(value)
    lines = [f"POST {path} HTTP/1.1", "Host: test", "Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, *headers]).encode() + HEAD_END + body


def read_head(head: bytes) -> tuple[int, dict[str, str]]:
    """The status and headers of an answer's head."""
    first, *lines = head.removesuffix(HEAD_END).decode("latin-1").split("\r\n")
    pairs = (line.split(":", 1) for line in lines)
    return int(first.split(" ")[1]), {name.strip().lower(): value.strip() for name, value in pairs}


class Wire:
    """A kept-alive connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.local_port: int = writer.get_extra_info("sockname")[1]

    @classmethod
    async def open(cls, port: int) -> Wire:
        """A new connection to a server on this machine."""
        return cls(*await asyncio.open_connection("127.0.0.1", port, limit=1 << 24))

    def send(self, data: bytes) -> None:
        """Hands the bytes to the kernel; on a loopback connection with room in its buffers they have then been sent."""
        self._writer.write(data)

    async def receive(self) -> Answer:
        """The next answer. Raises Lost or CutOff."""
        try:
            head = await asyncio.wait_for(self._reader.readuntil(HEAD_END), READ_SECONDS)
        except asyncio.IncompleteReadError as error:
            raise (CutOff if error.partial else Lost)("the connection ended") from None
        except OSError as error:
            raise Lost(str(error)) from None
        status, headers = read_head(head)
        try:
            body = await self._reader.readexactly(int(headers["content-length"]))
        except (asyncio.IncompleteReadError, OSError):
            raise CutOff(f"a {status} ended in its body") from None
        return Answer(status, headers, body)

    async def ask(self, data: bytes) -> Answer:
        """Sends a request and waits for its answer."""
        self.send(data)
        return await self.receive()

    async def abandon(self) -> None:
        """Disconnects with a reset, like a client that crashed."""
        self._writer.transport.abort()
        with contextlib.suppress(ConnectionError):
            await self._writer.wait_closed()

    async def close(self) -> None:
        """Ends the connection."""
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()


@contextlib.asynccontextmanager
async def wires(port: int, count: int) -> AsyncIterator[list[Wire]]:
    """So many connections, closed in the end."""
    opened: list[Wire] = []
    try:
        for _ in range(count):
            opened.append(await Wire.open(port))
        yield opened
    finally:
        for wire in opened:
            await wire.close()


def exchange(port: int, *pieces: bytes, answers: int = 1) -> list[Answer]:
    """Sends bytes as they are and reads so many answers. A server that stops reading early may still have answered."""
    with socket.create_connection(("127.0.0.1", port), timeout=READ_SECONDS) as link:
        with contextlib.suppress(ConnectionError):
            for piece in pieces:
                link.sendall(piece)
        with link.makefile("rb") as stream:
            return [read_answer(stream) for _ in range(answers)]


def read_answer(stream: BinaryIO) -> Answer:
    """The next answer of a socket's file. Raises Lost."""
    head = b""
    while not head.endswith(HEAD_END):
        line = stream.readline()
        if not line:
            raise Lost(f"the connection ended after {head!r}")
        head += line
    status, headers = read_head(head)
    return Answer(status, headers, stream.read(int(headers["content-length"])))
