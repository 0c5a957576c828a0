"""Owns the messages between workers and the arbiter: calls to load or unload a model, and replies. Knows no HTTP.

Each worker has a pair of datagram sockets, made before its fork. Encoding and decoding a message is pure.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import socket
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Literal, NamedTuple

import orjson

from server.errors import STOPPING, Code, ServerError, draining
from server.logs import log
from server.models.watcher import RepositoryWatcher

MAX_MESSAGE_BYTES = 1 << 16
MAX_TEXT = 4000  # characters of a refusal
CALLS_AT_ONCE = 16  # of one worker in one turn of the arbiter; what is beyond waits in the socket
OPEN_CALLS = 256  # of one worker that are not answered yet
STALE = "the models could not be renewed, those from before serve on; the server's log says why"

Action = Literal["load", "unload"]


class ControlRequest(NamedTuple):
    """A worker's call. ``number``: identifies its reply."""

    number: int
    action: Action
    name: str


class ControlReply(NamedTuple):
    """The end of the call with this number. ``code``: None for success."""

    number: int
    code: Code | None = None
    message: str = ""


def encode(message: ControlRequest | ControlReply) -> bytes:
    """Encodes a message as one datagram."""
    return orjson.dumps(tuple(message))


def decode_request(data: bytes) -> ControlRequest:
    """Decodes a call. Raises ValueError for what is none."""
    match orjson.loads(data):
        case [int(number), "load" | "unload" as action, str(name)]:
            return ControlRequest(number, action, name)
    raise ValueError("no call")


def decode_reply(data: bytes) -> ControlReply:
    """Decodes a reply."""
    return ControlReply(*orjson.loads(data))


class ControlChannel:
    """The pair of sockets between the arbiter and one worker."""

    def __init__(self) -> None:
        self.arbiters, self.workers = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.arbiters.setblocking(False)
        self.workers.setblocking(False)

    def fileno(self) -> int:
        """The arbiter's end, readable once the worker has sent a call."""
        return self.arbiters.fileno()

    def receive(self) -> list[ControlRequest]:
        """The next calls that the worker has sent, CALLS_AT_ONCE at most; what is no call is left out.

        A worker that a model's file has taken over may send anything, as much as it likes.
        """
        calls: list[ControlRequest] = []
        with contextlib.suppress(BlockingIOError, ConnectionError):
            for _ in range(CALLS_AT_ONCE):
                data = self.arbiters.recv(MAX_MESSAGE_BYTES)
                try:
                    calls.append(decode_request(data))
                except ValueError:
                    log.error("a worker sent what is no call")
        return calls

    def reply(self, reply: ControlReply) -> bool:
        """Sends a reply, if the worker is still there; False while the worker has not read enough of those before."""
        try:
            self.arbiters.send(encode(reply))
        except BlockingIOError:
            return False
        except OSError:
            pass
        return True

    def close(self) -> None:
        """Closes both ends in this process."""
        self.arbiters.close()
        self.workers.close()


class ControlServer:
    """The arbiter's side: the calls that are not answered yet."""

    def __init__(self, watcher: RepositoryWatcher, lift_quarantine: Callable[[str], None]) -> None:
        self._watcher = watcher
        self._lift_quarantine = lift_quarantine
        self._open: list[tuple[ControlChannel, ControlRequest]] = []
        self._is_closed = False

    def receive(self, channels: Iterable[ControlChannel]) -> None:
        """Begins the calls that workers have sent, after one look at the folder for all of them."""
        calls = [(channel, call) for channel in channels for call in channel.receive()]
        if self._is_closed:
            self._open = calls
            self.close()
            return
        if calls:
            self._watcher.scan()
        waiting = Counter(channel for channel, _ in self._open)
        for channel, call in calls:
            if waiting[channel] >= OPEN_CALLS:
                channel.reply(ControlReply(call.number, "overloaded", "too many calls wait; try again in 1 s"))
                continue
            waiting[channel] += 1
            if call.action == "load":
                self._watcher.load(call.name)
                self._lift_quarantine(call.name)
            else:
                self._watcher.unload(call.name)
            self._open.append((channel, call))

    def answer(self, settled: bool, *, stale: bool = False) -> None:
        """Replies to the calls that are decided. ``settled``: every accepting worker has the present models.

        ``stale``: or those from before, as the present ones could not be given to any.
        """
        undecided: list[tuple[ControlChannel, ControlRequest]] = []
        for channel, call in self._open:
            reply = self._outcome(call, settled, stale)
            if reply is None or not channel.reply(reply):
                undecided.append((channel, call))
        self._open = undecided

    def _outcome(self, call: ControlRequest, settled: bool, stale: bool) -> ControlReply | None:
        watcher = self._watcher
        if not watcher.knows(call.name):
            return ControlReply(call.number, "not_found", "there is no such model in the models folder")
        if call.action == "load":
            if watcher.is_pending(call.name):
                return None
            if reasons := watcher.reasons(call.name):
                return ControlReply(call.number, "bad_request", f"not loaded: {'; '.join(reasons)}"[:MAX_TEXT])
        if settled and stale:
            return ControlReply(call.number, "model_unavailable", STALE)
        return ControlReply(call.number) if settled else None

    def forget(self, channel: ControlChannel) -> None:
        """Drops the calls of a worker that has exited."""
        self._open = [(other, call) for other, call in self._open if other is not channel]

    def close(self) -> None:
        """Refuses every open call, and those that are received from now on: the server stops."""
        self._is_closed = True
        for channel, call in self._open:
            channel.reply(ControlReply(call.number, "draining", STOPPING))
        self._open = []


class ControlClient:
    """The worker's side: sends calls and awaits replies."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self._numbers = itertools.count()
        self._waiting: dict[int, asyncio.Future[ControlReply]] = {}
        self._listens = False

    async def ask(self, action: Action, name: str) -> None:
        """Sends a call and returns once the arbiter has done it. Raises ServerError if it has not."""
        if not self._listens:
            asyncio.get_running_loop().add_reader(self._end, self._receive)
            self._listens = True
        call = ControlRequest(next(self._numbers), action, name)
        waiting = self._waiting[call.number] = asyncio.get_running_loop().create_future()
        try:
            self._end.send(encode(call))
            reply = await waiting
        except BlockingIOError:
            message = "too many calls to load or unload a model wait; try again in 1 s"
            raise ServerError("overloaded", message, {"retry-after": "1"}) from None
        except OSError:
            raise draining() from None
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
