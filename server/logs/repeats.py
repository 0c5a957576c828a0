"""Owns which log lines are let through: of each place in the code a few a second. Pure: knows neither clock nor format.

So no client can flood the log, whatever it makes the server say.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import NamedTuple

MOST = 10  # lines of one source in one window
WINDOW_SECONDS = 1.0


class Held(NamedTuple):
    """How many lines were not let through, what the last of them said, and how grave that is."""

    lines: int
    like: object
    level: int


@dataclass(slots=True)
class _Window:
    began: float
    let_through: int = 0
    held: int = 0
    like: object = ""
    level: int = 0


class RepeatLimit:
    """The lines of the last second, by source. Times: seconds of any clock that only goes forward."""

    def __init__(self) -> None:
        self._windows: dict[Hashable, _Window] = {}

    def admits(self, source: Hashable, like: object, level: int, now: float) -> bool:
        """Whether this line may be written. Call `take_ended` before."""
        window = self._windows.get(source)
        if window is None:
            window = self._windows[source] = _Window(now)
        if window.let_through < MOST:
            window.let_through += 1
            return True
        window.held += 1
        window.like, window.level = like, level
        return False

    def take_ended(self, now: float) -> list[Held]:
        """What was held in windows that are over; forgets these."""
        ended = [source for source, window in self._windows.items() if now - window.began >= WINDOW_SECONDS]
        windows = [self._windows.pop(source) for source in ended]
        return [Held(window.held, window.like, window.level) for window in windows if window.held]

    def forget(self) -> None:
        """Forgets everything, for instance what a parent process let through."""
        self._windows.clear()
