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
from server.models.watcher import RepositoryWatcher

MAX_MESSAGE_BYTES = 1 << 16
MAX_TEXT = 4000  # characters of a refusal

Action = Literal["load", "unload"]


class ControlRequest(NamedTuple):
    """What a worker asks for. ``number``: its own, to know the reply by."""

    number: int
    action: Action
    name: str


class ControlReply(NamedTuple):
    """How the call with this number ended; without a code, well."""

    number: int
    code: Code | None = None
    message: str = ""


def encode(message: ControlRequest | ControlReply) -> bytes:
    """A message as one datagram."""
    return orjson.dumps(tuple(message))


def decode_request(data: bytes) -> ControlRequest:
    """The call in a datagram."""
    return ControlRequest(*orjson.loads(data))


def decode_reply(data: bytes) -> ControlReply:
    """The reply in a datagram."""
    return ControlReply(*orjson.loads(data))


class ControlChannel:
    """The pair of sockets between the arbiter and one worker."""

    def __init__(self) -> None:
        self.arbiters, self.workers = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.arbiters.setblocking(False)
        self.workers.setblocking(False)

    def fileno(self) -> int:
        """Readable for the arbiter once the worker has asked for something."""
        return self.arbiters.fileno()

    def receive(self) -> list[ControlRequest]:
        """What the worker asks for by now."""
        calls: list[ControlRequest] = []
        with contextlib.suppress(BlockingIOError, ConnectionError):
            while True:
                calls.append(decode_request(self.arbiters.recv(MAX_MESSAGE_BYTES)))
        return calls

    def reply(self, reply: ControlReply) -> None:
        """Tells the worker, if it is still there."""
        with contextlib.suppress(OSError):
            self.arbiters.send(encode(reply))

    def close(self) -> None:
        """Both ends, as far as this process has them."""
        self.arbiters.close()
        self.workers.close()


class ControlServer:
    """The arbiter's calls that are not answered yet."""

    def __init__(self, watcher: RepositoryWatcher) -> None:
        self._watcher = watcher
        self._open: list[tuple[ControlChannel, ControlRequest]] = []

    def receive(self, channel: ControlChannel) -> None:
        """Begins what a worker asks for."""
        for call in channel.receive():
            (self._watcher.load if call.action == "load" else self._watcher.unload)(call.name)
            self._open.append((channel, call))

    def answer(self, settled: bool) -> None:
        """Answers what is decided. ``settled``: only workers with all that is loaded now accept."""
        still: list[tuple[ControlChannel, ControlRequest]] = []
        for channel, call in self._open:
            reply = self._outcome(call, settled)
            if reply is None:
                still.append((channel, call))
            else:
                channel.reply(reply)
        self._open = still

    def _outcome(self, call: ControlRequest, settled: bool) -> ControlReply | None:
        watcher = self._watcher
        if not watcher.knows(call.name):
            return ControlReply(call.number, "not_found", "there is no such model in the models folder")
        if call.action == "load":
            if watcher.is_pending(call.name):
                return None
            if reasons := watcher.reasons(call.name):
                return ControlReply(call.number, "bad_request", f"not loaded: {'; '.join(reasons)}"[:MAX_TEXT])
        return ControlReply(call.number) if settled else None

    def forget(self, channel: ControlChannel) -> None:
        """A worker is gone, and with it who asked."""
        self._open = [(other, call) for other, call in self._open if other is not channel]

    def close(self) -> None:
        """Refuses all that is open: the server stops."""
        for channel, call in self._open:
            channel.reply(ControlReply(call.number, "draining", "this server is stopping"))
        self._open = []


class ControlClient:
    """The worker's side: sends calls and awaits their replies."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self._numbers = itertools.count()
        self._waiting: dict[int, asyncio.Future[ControlReply]] = {}
        self._listens = False

    async def ask(self, action: Action, name: str) -> None:
        """Comes back once the arbiter has done it. Raises ServerError where it has not."""
        if not self._listens:
            asyncio.get_running_loop().add_reader(self._end, self._receive)
            self._listens = True
        call = ControlRequest(next(self._numbers), action, name)
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
