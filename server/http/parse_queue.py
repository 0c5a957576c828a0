"""Owns the turns of connections that have read more than they have parsed. Knows no HTTP.

The loop reads some megabytes of one connection in a turn, and what it reads may be made of chunks or requests of a few
bytes. So a large segment is parsed for a moment at a time, one connection after the other, while the others are served.
docs/decisions.md: "Large segments take turns".
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from time import monotonic
from typing import Protocol

from server.logs import log

SHARE_SECONDS = 0.001  # a connection parses for so long before another has its turn
TURN_SECONDS = 0.003  # and all of them before the loop has its own


class Reader(Protocol):
    """The part of a connection that is needed."""

    def parse_on(self, until: float) -> bool:
        """Parses until a time of the monotonic clock; returns whether it could go on."""


class ParseQueue:
    """The connections of a worker that wait to parse on."""

    def __init__(self, now: Callable[[], float] = monotonic) -> None:
        self._now = now
        self._waiting: deque[Reader] = deque()
        self._active = False

    @property
    def idle(self) -> bool:
        """Whether none waits."""
        return not self._active

    def begin(self, reader: Reader) -> None:
        """Gives a connection its first share, at once."""
        if reader.parse_on(self._now() + SHARE_SECONDS):
            self.add(reader)

    def add(self, reader: Reader) -> None:
        """Puts a connection behind those that wait."""
        self._waiting.append(reader)
        if not self._active:
            self._active = True
            asyncio.get_running_loop().call_soon(self._turn)

    def _turn(self) -> None:
        waiting = self._waiting
        now = self._now()
        ends = now + TURN_SECONDS
        while waiting and now < ends:
            reader = waiting.popleft()
            try:
                if reader.parse_on(now + SHARE_SECONDS):
                    waiting.append(reader)
            except Exception:  # noqa: BLE001  an error of one connection holds up no other
                log.exception("a connection failed while it was parsed on")
            now = self._now()
        self._active = bool(waiting)
        if self._active:
            asyncio.get_running_loop().call_soon(self._turn)
