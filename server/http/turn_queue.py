"""Owns the turns of connections that have more to do than one turn of the loop may take. Knows no HTTP.

The loop reads some megabytes of one connection in a turn, which may be made of chunks or requests of a few bytes; and
an answer may be as large. So both are worked on for a moment at a time, one connection after the other, while the
others are served. docs/decisions.md: "Large segments take turns", "Large answers are written in portions".
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from server.batching.turns import SHARE_SECONDS, Turns
from server.logs import log

Step = Callable[[float], bool]  # works until a time of the monotonic clock; returns whether it could go on


class TurnQueue:
    """The connections of a worker that wait to go on, each by its `Step`."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self._waiting: deque[Step] = deque()
        self._active = False

    @property
    def idle(self) -> bool:
        """Whether none waits, and one may begin at once."""
        return not self._active and self._turns.left > 0

    def begin(self, step: Step) -> None:
        """Gives a connection its first share, at once."""
        began = self._turns.now()
        more = step(began + SHARE_SECONDS)
        self._turns.spend(self._turns.now() - began)
        if more:
            self.add(step)

    def add(self, step: Step) -> None:
        """Puts a connection behind those that wait."""
        self._waiting.append(step)
        if not self._active:
            self._active = True
            self._turns.add(self)

    def work_on(self, until: float) -> bool:
        """Lets connections go on until a time; returns whether some wait."""
        waiting = self._waiting
        while waiting and self._turns.now() < until:
            step = waiting.popleft()
            try:
                if step(until):
                    waiting.append(step)
            except Exception:  # noqa: BLE001  an error of one connection holds up no other
                log.exception("a connection failed in its turn")
        self._active = bool(waiting)
        return self._active
