"""Owns the turns of connections that have read more than they have parsed. Knows no HTTP.

The loop reads some megabytes of one connection in a turn, and what it reads may be made of chunks or requests of a few
bytes. So a large segment is parsed for a moment at a time, one connection after the other, while the others are served.
docs/decisions.md: "Large segments take turns".
"""

from __future__ import annotations

from collections import deque
from typing import Protocol

from server.batching.turns import SHARE_SECONDS, Turns
from server.logs import log


class Reader(Protocol):
    """The part of a connection that is needed."""

    def parse_on(self, until: float) -> bool:
        """Parses until a time of the monotonic clock; returns whether it could go on."""


class ParseQueue:
    """The connections of a worker that wait to parse on."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self._waiting: deque[Reader] = deque()
        self._active = False

    @property
    def idle(self) -> bool:
        """Whether none waits, and one may parse at once."""
        return not self._active and self._turns.left > 0

    def begin(self, reader: Reader) -> None:
        """Gives a connection its first share, at once."""
        began = self._turns.now()
        more = reader.parse_on(began + SHARE_SECONDS)
        self._turns.spend(self._turns.now() - began)
        if more:
            self.add(reader)

    def add(self, reader: Reader) -> None:
        """Puts a connection behind those that wait."""
        self._waiting.append(reader)
        if not self._active:
            self._active = True
            self._turns.add(self)

    def work_on(self, until: float) -> bool:
        """Lets connections parse until a time; returns whether some wait."""
        waiting = self._waiting
        while waiting and self._turns.now() < until:
            reader = waiting.popleft()
            try:
                if reader.parse_on(until):
                    waiting.append(reader)
            except Exception:  # noqa: BLE001  an error of one connection holds up no other
                log.exception("a connection failed while it was parsed on")
        self._active = bool(waiting)
        return self._active
