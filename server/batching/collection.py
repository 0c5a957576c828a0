"""Owns when Python collects garbage beside long work: not while the values of large bodies are in memory.

A collection looks at every value of every list that it looks at: tens of milliseconds for millions of numbers, none of
which is garbage. What long work makes is freed without it. docs/decisions.md: "No collection beside long work".
"""

from __future__ import annotations

import gc

MOST_OBJECTS = 200_000  # that may have been made since the last collection, values of bodies among them
LEAST_SECONDS = 5.0  # between two collections while long work goes on
WHOLE_EVERY = 12  # of them looks at all objects: what was alive at one of the others would else stay for ever


class CollectionPause:
    """Whether Python may collect by itself. Times are seconds of the monotonic clock."""

    def __init__(self) -> None:
        self._paused = False
        self._collected = 0.0  # when, or when it was paused
        self._collections = 0  # of the young alone, since the last of all

    def begin(self, now: float) -> None:
        """Long work begins."""
        if gc.isenabled():
            gc.disable()
            self._paused = True
            self._collected = now

    def look(self, now: float) -> None:
        """Long work goes on: collects after all where it does for long, and much was made meanwhile."""
        if self._paused and now - self._collected >= LEAST_SECONDS and gc.get_count()[0] > MOST_OBJECTS:
            self._collected = now
            self._collections = (self._collections + 1) % WHOLE_EVERY
            gc.collect(0 if self._collections else 2)

    def end(self) -> None:
        """There is no long work."""
        if self._paused:
            self._paused = False
            gc.enable()
