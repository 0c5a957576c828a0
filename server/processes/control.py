"""Owns the messages between a worker and the arbiter: a call to load or unload a model, and how it ended.

A pair of datagram sockets is made for each worker before it is forked. The messages themselves are pure: bytes in,
values out.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import socket
from typing import Literal, NamedTuple

import orjson

from server.errors import Code, ServerError
from server.models.watcher import Living

MAX_MESSAGE_BYTES = 1 << 16
MAX_TEXT = 4000  # characters of a refusal

Action = Literal["load", "unload"]


class Call(NamedTuple):
    """What a worker asks for. ``number``: its own, to know the reply by."""

    number: int
    action: Action
    name: str


class Reply(NamedTuple):
    """How the call with this number ended; without a code, well."""

    number: int
    code: Code | None = None
    message: str = ""


def encode(message: Call | Reply) -> bytes:
    """A message as one datagram."""
    return orjson.dumps(tuple(message))


def decode_call(data: bytes) -> Call:
    """The call in a datagram."""
    return Call(*orjson.loads(data))


def decode_reply(data: bytes) -> Reply:
    """The reply in a datagram."""
    return Reply(*orjson.loads(data))


class Link:
    """The pair of sockets between the arbiter and one worker."""

    def __init__(self) -> None:
        self.arbiters, self.workers = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.arbiters.setblocking(False)
        self.workers.setblocking(False)

    def fileno(self) -> int:
        """Readable for the arbiter once the worker has asked for something."""
        return self.arbiters.fileno()

    def receive(self) -> list[Call]:
        """What the worker asks for by now."""
        calls: list[Call] = []
        with contextlib.suppress(BlockingIOError, ConnectionError):
            while True:
                calls.append(decode_call(self.arbiters.recv(MAX_MESSAGE_BYTES)))
        return calls

    def reply(self, reply: Reply) -> None:
        """Tells the worker, if it is still there."""
        with contextlib.suppress(OSError):
            self.arbiters.send(encode(reply))

    def close(self) -> None:
        """Both ends, as far as this process has them."""
        self.arbiters.close()
        self.workers.close()


class Desk:
    """The arbiter's calls that are not answered yet."""

    def __init__(self, living: Living) -> None:
        self._living = living
        self._open: list[tuple[Link, Call]] = []

    def take(self, link: Link) -> None:
        """Begins what a worker asks for."""
        for call in link.receive():
            (self._living.load if call.action == "load" else self._living.unload)(call.name)
            self._open.append((link, call))

    def answer(self, settled: bool) -> None:
        """Answers what is decided. ``settled``: only workers with all that is loaded now accept."""
        still: list[tuple[Link, Call]] = []
        for link, call in self._open:
            reply = self._outcome(call, settled)
            if reply is None:
                still.append((link, call))
            else:
                link.reply(reply)
        self._open = still

    def __len__(self) -> int:
        return len(self._open)

    def _outcome(self, call: Call, settled: bool) -> Reply | None:
        living = self._living
        if not living.knows(call.name):
            return Reply(call.number, "not_found", "there is no such model in the models folder")
        if call.action == "load":
            if living.is_pending(call.name):
                return None
            if reasons := living.reasons(call.name):
                return Reply(call.number, "bad_request", f"not loaded: {'; '.join(reasons)}"[:MAX_TEXT])
        return Reply(call.number) if settled else None

    def forget(self, link: Link) -> None:
        """A worker is gone, and with it who asked."""
        self._open = [(other, call) for other, call in self._open if other is not link]

    def close(self) -> None:
        """Refuses all that is open: the server stops."""
        for link, call in self._open:
            link.reply(Reply(call.number, "draining", "this server is stopping"))
        self._open = []


class Asker:
    """The worker's side: sends calls and awaits their replies."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self._numbers = itertools.count()
        self._waiting: dict[int, asyncio.Future[Reply]] = {}
        self._listens = False

    async def ask(self, action: Action, name: str) -> None:
        """Comes back once the arbiter has done it. Raises ServerError where it has not."""
        if not self._listens:
            asyncio.get_running_loop().add_reader(self._end, self._receive)
            self._listens = True
        call = Call(next(self._numbers), action, name)
        waiting = self._waiting[call.number] = asyncio.get_running_loop().create_future()
        try:
            self._end.send(encode(call))
            reply = await waiting
        except OSError:
            raise ServerError("draining", "this server is stopping") from None
        finally:
            del self._waiting[call.number]
        if reply.code is not None:
            raise ServerError(reply.code, reply.message)

    def _receive(self) -> None:
        try:
            reply = decode_reply(self._end.recv(MAX_MESSAGE_BYTES))
        except (BlockingIOError, ConnectionError):
            return
        waiting = self._waiting.get(reply.number)
        if waiting is not None and not waiting.done():
            waiting.set_result(reply)
