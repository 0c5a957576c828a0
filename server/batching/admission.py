"""Owns whether a request may join those that wait, by the cost learned. Pure: is told the time.

What a run costs is learned by the clock, so it includes what other models take of the same core meanwhile.
"""

from __future__ import annotations

from typing import Protocol

from server.batching.cost import CostCurve
from server.batching.queue import Queue
from server.batching.runs.quarantine import Record
from server.batching.runs.run import too_late
from server.batching.runs.watchdog import GRACE_SECONDS
from server.errors import ServerError, overloaded

LOOK_AT_EACH = -1.0  # a bound on the rows that wait which is always exceeded
EASY_SECONDS = 0.05  # a queue that is surely served within needs no look: deadlines are not kept more exactly


class GoesOn(Protocol):
    """What is asked of the run in the thread."""

    def seconds_left(self, curve: CostCurve, now: float) -> float:
        """How long it should still take by the cost learned; 0 where none goes on."""

    def is_slow_to_stop(self, now: float) -> bool:
        """Whether it was stopped and does not end: nobody knows when it will."""


class Admission:
    """Admits requests to a queue of at most ``queue_seconds`` of work, unless the version's ``record`` forbids it."""

    def __init__(self, queue: Queue, curve: CostCurve, record: Record, run: GoesOn, queue_seconds: float) -> None:
        self._queue = queue
        self._curve = curve
        self._record = record
        self._run = run
        self._queue_seconds = queue_seconds

    def easy_rows(self) -> float:
        """While at most so many rows wait, even if each needs a run of its own, every request passes."""
        cost = self._curve.seconds(1)
        return min(self._queue_seconds, EASY_SECONDS) / cost if cost > 0.0 else float("inf")

    def refusal(self, now: float, deadline: float) -> ServerError | None:
        """The error of a request that may not wait; None if it may.

        ``overloaded``, ``deadline_exceeded`` or ``model_unavailable``.
        """
        if self._record.cells[0]:
            return self.quarantined()
        if self._run.is_slow_to_stop(now):
            return overloaded(GRACE_SECONDS)
        if deadline <= now:
            return too_late()
        waiting = self.seconds_to_serve()
        wait = waiting + self._run.seconds_left(self._curve, now)
        if waiting > self._queue_seconds or (wait and now + wait + self._curve.seconds(1) > deadline):
            return overloaded(wait)
        return None

    def quarantined(self) -> ServerError:
        """The error of all requests to a version that is quarantined."""
        return ServerError("model_unavailable", f"this model is {self._record.reason or 'to be asked again'}")

    def seconds_to_serve(self) -> float:
        """Seconds that serving the queue is expected to take: each run costs the fixed part again."""
        return self._queue.count_runs() * self._curve.fixed_seconds + self._queue.rows * self._curve.row_seconds
