"""Owns when cold requests begin: a few in a turn of the loop, each kind in its order. Knows no routes and no sockets.

Each takes FastAPI some 0.3 ms of the loop. All that begin in one turn are one wait for everyone else, and hundreds of
clients may ask in the same one. docs/decisions.md: "Cold requests begin four at a time".
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Protocol

from server.logs import log

AT_ONCE = 4  # of a kind that begin in one turn of the loop
# The kinds. Who has just connected to ask how the server is waits behind no client that asks it again and again.
FIRST_LOOK, LOOK, OTHER = range(3)


class Waiting(Protocol):
    """A cold request that is the first of its connection."""

    done: bool  # its client has left

    def start(self) -> None:
        """Gives it to the application."""

    def abandon(self) -> None:
        """Ends its connection, as it could not be given."""


class _Lane:
    """The cold requests of one kind. ``begun``: in this turn."""

    __slots__ = ("begun", "waiting")

    def __init__(self) -> None:
        self.waiting: deque[Waiting] = deque()
        self.begun = 0

    def go_on(self) -> bool:
        """Begins what may in a new turn; returns whether the next must be watched."""
        self.begun = 0
        waiting = self.waiting
        while waiting and self.begun < AT_ONCE:
            request = waiting.popleft()
            if not request.done:
                self.begun += 1
                try:
                    request.start()
                except Exception:  # noqa: BLE001  an error of one, of no memory for instance, holds up no other
                    log.exception("a request could not be begun")
                    request.abandon()
        return bool(self.begun)


class ColdStarts:
    """The cold requests of a worker that wait to begin."""

    def __init__(self) -> None:
        self._lanes = (_Lane(), _Lane(), _Lane())
        self._scheduled = False

    def add(self, request: Waiting, kind: int) -> None:
        """Begins a request, now or in a turn to come."""
        lane = self._lanes[kind]
        if lane.begun >= AT_ONCE or lane.waiting:
            lane.waiting.append(request)
            return
        lane.begun += 1
        if not self._scheduled:
            self._schedule()
        request.start()

    def _turn(self) -> None:
        go_on = [lane.go_on() for lane in self._lanes]
        self._scheduled = False
        if any(go_on):
            self._schedule()

    def _schedule(self) -> None:
        asyncio.get_running_loop().call_soon(self._turn)
        self._scheduled = True
