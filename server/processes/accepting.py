"""Owns who of several workers accepts a connection: each takes up to its even share at once. Knows no HTTP.

Workers accept from one backlog, and whoever wakes first takes all that is there: of 32 connections that stay, one of
two workers had up to 32. So one that has its share, those counted that wait, leaves the others a moment. Nothing is
handed over or refused: what nobody has taken after a moment is accepted. Where connections do not stay there is nothing
to share out, and each moment would be lost.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Callable, Sequence

from server.logs import log

# docs/decisions.md: "A worker with more connections lets the others accept"
LEAVE_SECONDS = 0.002
SPARE = 8  # so many connections of the other worker allow one more here
MOST_AT_ONCE = 16  # that are taken in a turn of the loop
STAY_SECONDS = 0.1  # after so long it is told whether connections stay,
LEAST_TAKEN = 8  # if so many were taken: fewer moments are not worth it
_BACKLOG = slice(24, 28)  # of the kernel's tcp_info of a listener
_FULL_SECONDS = 0.1  # until the next attempt, where the system has no more descriptors or memory


class Stay:
    """Judges whether connections stay: by how many of those that were taken in a window of time are still there."""

    def __init__(self) -> None:
        self._ends = 0.0
        self._taken = 0  # in this window
        self._before = 0  # open connections when it began
        self._stayed = True  # those of the window before

    def take(self, now: float, count: int) -> None:
        """Called before one more is taken. ``count``: open connections."""
        if now >= self._ends:
            told = now < self._ends + STAY_SECONDS and self._taken >= LEAST_TAKEN
            self._stayed = self.judge(count) if told else True
            self._ends, self._taken, self._before = now + STAY_SECONDS, 0, count
        self._taken += 1

    def judge(self, count: int) -> bool:
        """Whether at least half stay."""
        return self._stayed if self._taken < LEAST_TAKEN else 2 * (count - self._before) >= self._taken


def due(own: int, others: Sequence[float], waiting: int) -> int:
    """How many of so many that wait a worker with ``own`` connections takes at once: what makes up its even share.

    One at least while none has fewer, give or take an eighth; 0 where it leaves them to others.
    """
    if not others:
        return waiting
    fewest = min(others)
    share = (own + sum(others) + waiting) // (len(others) + 1)
    return min(waiting, max(int(share) - own, own <= fewest + fewest // SPARE))


def waiting_at(listener: socket.socket) -> int:
    """How many wait to be accepted; 1 where the system does not tell."""
    try:
        told = listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _BACKLOG.stop)
    except (OSError, AttributeError):
        return 1
    return max(1, int.from_bytes(told[_BACKLOG], sys.byteorder))


class Acceptor:
    """Accepts from ``listeners`` for one worker.

    ``count``: its open connections; ``tell``: called with how many they will be; ``others``: the other workers'.
    """

    def __init__(
        self,
        listeners: Sequence[socket.socket],
        connect: Callable[[], asyncio.Protocol],
        count: Callable[[], int],
        tell: Callable[[int], None],
        others: Callable[[], Sequence[float]],
    ) -> None:
        self._listeners = listeners
        self._connect = connect
        self._count = count
        self._tell = tell
        self._others = others
        self._loop = asyncio.get_running_loop()
        self._stay = Stay()
        self._beginning: set[asyncio.Task[object]] = set()  # accepted, and not yet counted
        self._timers: dict[socket.socket, asyncio.TimerHandle] = {}

    def start(self) -> None:
        """Accepts from now on."""
        for listener in self._listeners:
            listener.setblocking(False)
            self._watch(listener)

    async def stop(self) -> None:
        """Accepts no more; what was accepted has begun."""
        for listener in self._listeners:
            self._loop.remove_reader(listener)
            if timer := self._timers.pop(listener, None):
                timer.cancel()
        await asyncio.gather(*self._beginning, return_exceptions=True)

    def _watch(self, listener: socket.socket) -> None:
        self._loop.add_reader(listener, self._ready, listener)

    def _ready(self, listener: socket.socket) -> None:
        """Connections wait: takes what is due here, or leaves those that will stay a moment to who has fewer."""
        count = self._count() + len(self._beginning)
        number = due(count, self._others(), waiting_at(listener))
        if not number and self._stay.judge(count):
            self._rest(listener, LEAVE_SECONDS)
            return
        for _ in range(min(max(number, 1), MOST_AT_ONCE)):
            if not self._accept(listener):
                break

    def _rest(self, listener: socket.socket, seconds: float) -> None:
        self._loop.remove_reader(listener)
        self._timers[listener] = self._loop.call_later(seconds, self._go_on, listener)

    def _go_on(self, listener: socket.socket) -> None:
        """Takes one connection that nobody has taken, and looks at the next as ever."""
        del self._timers[listener]
        self._watch(listener)
        self._accept(listener)

    def _accept(self, listener: socket.socket) -> bool:
        """Takes one connection; returns whether there was one."""
        try:
            client, _ = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return False  # another took it, or it has gone
        except OSError as error:
            log.warning("no connection can be accepted: %s", error)
            self._rest(listener, _FULL_SECONDS)
            return False
        self._stay.take(self._loop.time(), self._count() + len(self._beginning))
        task = self._loop.create_task(begin(client, self._connect))
        self._beginning.add(task)
        task.add_done_callback(self._beginning.discard)
        self._tell(self._count() + len(self._beginning))
        return True


async def begin(client: socket.socket, connect: Callable[[], asyncio.Protocol]) -> None:
    """Gives an accepted client a connection, unless it has gone."""
    try:
        client.setblocking(False)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.get_running_loop().connect_accepted_socket(connect, client)
    except OSError:
        client.close()


def backlog(listener: socket.socket) -> list[socket.socket]:
    """Accepts all that waits, or as many as the system has descriptors for."""
    clients: list[socket.socket] = []
    listener.setblocking(False)
    while True:
        try:
            clients.append(listener.accept()[0])
        except BlockingIOError:
            return clients
        except ConnectionAbortedError:  # one that has gone, before those behind it
            continue
        except OSError as error:
            log.warning("no connection can be accepted: %s", error)
            return clients
