"""Owns who of several workers accepts a connection: each leaves it a moment to one that has fewer. Knows no HTTP.

Workers accept from one backlog, and whoever wakes first takes all that is there: of 32 connections that stay, one of
two workers had up to 32. Nothing is handed over or refused: what nobody has taken after a moment is accepted.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Sequence

from server.logs import log

# docs/decisions.md: "A worker with more connections lets the others accept"
LEAVE_SECONDS = 0.002
SPARE = 8  # so many connections of the other worker allow one more here
_FULL_SECONDS = 0.1  # until the next attempt, where the system has no more descriptors or memory


class Acceptor:
    """Accepts from ``listeners`` for one worker, one connection a turn of the loop.

    ``count``: its open connections. ``fewest``: those of the other worker that has the fewest, infinite without one.
    """

    def __init__(
        self,
        listeners: Sequence[socket.socket],
        connect: Callable[[], asyncio.Protocol],
        count: Callable[[], int],
        fewest: Callable[[], float],
    ) -> None:
        self._listeners = listeners
        self._connect = connect
        self._count = count
        self._fewest = fewest
        self._loop = asyncio.get_running_loop()
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
        """A connection waits: takes it, or leaves it a moment to one that has fewer."""
        fewest, count = self._fewest(), self._count() + len(self._beginning)
        if count > fewest + fewest // SPARE:
            self._rest(listener, LEAVE_SECONDS)
        else:
            self._accept(listener)

    def _rest(self, listener: socket.socket, seconds: float) -> None:
        self._loop.remove_reader(listener)
        self._timers[listener] = self._loop.call_later(seconds, self._go_on, listener)

    def _go_on(self, listener: socket.socket) -> None:
        """Takes one connection that nobody has taken, and looks at the next as ever."""
        del self._timers[listener]
        self._watch(listener)
        self._accept(listener)

    def _accept(self, listener: socket.socket) -> None:
        try:
            client, _ = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return  # another took it, or it has gone
        except OSError as error:
            log.warning("no connection can be accepted: %s", error)
            self._rest(listener, _FULL_SECONDS)
            return
        task = self._loop.create_task(begin(client, self._connect))
        self._beginning.add(task)
        task.add_done_callback(self._beginning.discard)


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
