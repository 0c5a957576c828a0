"""Owns whether a request may join those that wait, by the cost learned. Pure: is told the time.

What a run costs is learned by the clock, so it includes what other models take of the same core meanwhile.
"""

from __future__ import annotations

from server.batching.cost import CostCurve
from server.batching.queue import Queue
from server.batching.run import too_late
from server.errors import ServerError, overloaded

EASY_SECONDS = 0.05  # a queue that is surely served within needs no look: deadlines are not kept more exactly


class Admission:
    """Admits requests to a queue of at most ``queue_seconds`` of work."""

    def __init__(self, queue: Queue, curve: CostCurve, queue_seconds: float) -> None:
        self._queue = queue
        self._curve = curve
        self._queue_seconds = queue_seconds

    def easy_rows(self) -> float:
        """While at most so many rows wait, even if each needs a run of its own, every request passes."""
        cost = self._curve.seconds(1)
        return min(self._queue_seconds, EASY_SECONDS) / cost if cost > 0.0 else float("inf")

    def refusal(self, now: float, deadline: float, running_seconds: float) -> ServerError | None:
        """The error of a request that may not wait, ``overloaded`` or ``deadline_exceeded``; None if it may.

        ``running_seconds``: how long the run that goes on should still take, 0 where none does.
        """
        if deadline <= now:
            return too_late()
        waiting = self.seconds_to_serve()
        wait = waiting + running_seconds
        if waiting > self._queue_seconds or (wait and now + wait + self._curve.seconds(1) > deadline):
            return overloaded(wait)
        return None

    def seconds_to_serve(self) -> float:
        """Seconds that serving the queue is expected to take: each run costs the fixed part again."""
        return self._queue.count_runs() * self._curve.fixed_seconds + self._queue.rows * self._curve.row_seconds
