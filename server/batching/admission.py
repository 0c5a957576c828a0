"""Owns whether a request may join those that wait, by the cost learned. Pure: is told the time.

What a run costs is learned by the clock, so it includes what other models take of the same core meanwhile.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Protocol

from server.artefact.tensors import TensorSpec
from server.batching.cost import CostCurve
from server.batching.queue import Queue
from server.batching.runs.quarantine import Record
from server.batching.runs.run import too_late
from server.batching.runs.watchdog import GRACE_SECONDS
from server.errors import ServerError, overloaded

LOOK_AT_EACH = -1.0  # a bound on the rows that wait which is always exceeded
EASY_SECONDS = 0.05  # a queue that is surely served within needs no look: deadlines are not kept more exactly
# docs/decisions.md: "Small requests are weighed once many wait"
ENTRY_BYTES = 1024  # of memory that a request takes beside its values
MOST_LIGHT_BYTES = 32_768  # that the values of one may take which no door counts: 2 KB of texts of two letters


class GoesOn(Protocol):
    """What is asked of the run in the thread."""

    def seconds_left(self, curve: CostCurve, now: float) -> float:
        """How long it should still take by the cost learned; 0 where none goes on."""

    def is_slow_to_stop(self, now: float) -> bool:
        """Whether it was stopped and does not end: nobody knows when it will."""


class Admission:
    """Admits requests to a queue of at most ``queue_seconds`` of work, unless the version's ``record`` forbids it."""

    def __init__(
        self,
        queue: Queue,
        curve: CostCurve,
        record: Record,
        run: GoesOn,
        queue_seconds: float,
        light_rows: float = float("inf"),
    ) -> None:
        """``light_rows``: while at most so many wait, nobody counts the bytes of small requests."""
        self._queue = queue
        self._curve = curve
        self._record = record
        self._run = run
        self._queue_seconds = queue_seconds
        self._light_rows = light_rows

    def easy_rows(self) -> float:
        """While at most so many rows wait, even if each needs a run of its own, every request passes."""
        cost = self._curve.seconds(1)
        return min(self._light_rows, min(self._queue_seconds, EASY_SECONDS) / cost) if cost > 0.0 else self._light_rows

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


def light_rows(inputs: Sequence[TensorSpec], most_bytes: float) -> float:
    """How many rows of a graph may wait that nobody counts, so that they take ``most_bytes`` of memory at most.

    A request has at least one row.
    """
    values = sum([_bytes_of_row(spec) for spec in inputs])
    return most_bytes / (ENTRY_BYTES + min(values, MOST_LIGHT_BYTES))


def _bytes_of_row(spec: TensorSpec) -> int:
    rows_first = bool(spec.shape) and spec.shape[0] is None
    sizes = [size for size in spec.shape[rows_first:] if size is not None]
    known = len(sizes) == len(spec.shape) - rows_first and spec.dtype.kind != "O"
    return prod(sizes) * spec.dtype.itemsize if known else MOST_LIGHT_BYTES
