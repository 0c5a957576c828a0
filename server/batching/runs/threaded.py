"""Owns the run of a batch in its version's own thread, one at a time: its begin, its watch, its end. Knows no queue."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from server.batching.batch import Batch
from server.batching.cost import CostCurve
from server.batching.entry import Entry
from server.batching.runs.run import Outcome, Runs, RunThread, timed_run
from server.batching.runs.watchdog import Watchdog


class Ended(Protocol):
    """Called in the loop when a run has ended, whose ``began``, ``reason`` and ``seconds`` these are."""

    def __call__(self, batch: Batch, began: float, reason: str, outcomes: list[Outcome], seconds: float, /) -> None: ...


class ThreadedRun:
    """The run of one version that goes on in its thread, if any.

    ``batch``: None while there is none; ``began``: when it did; ``failed``: called where a run ends with an error of
    ours. Whoever is called says `end` before the next begins.
    """

    def __init__(
        self,
        name: str,
        runtime: Runs,
        watchdog: Watchdog,
        now: Callable[[], float],
        ended: Ended,
        failed: Callable[[Batch, BaseException], None],
    ) -> None:
        self.batch: Batch | None = None
        self.began = 0.0
        self._runtime = runtime
        self._watchdog = watchdog
        self._now = now
        self._ended = ended
        self._failed = failed
        self._loop = asyncio.get_running_loop()
        self._thread = RunThread(f"run-{name}")

    @property
    def entries(self) -> Sequence[Entry]:
        """Those of its batch."""
        return self.batch.entries if self.batch is not None else ()

    @property
    def was_stopped(self) -> bool:
        """Whether it was stopped, as nobody waited for it any more."""
        return self._watchdog.stopped_at is not None

    def seconds_left(self, curve: CostCurve, now: float) -> float:
        """How long it should still take by the cost learned; 0 where none goes on."""
        return 0.0 if self.batch is None else max(self.began + curve.seconds(self.batch.rows) - now, 0.0)

    def is_slow_to_stop(self, now: float) -> bool:
        """Whether it was stopped and does not end: nobody knows when it will."""
        return self._watchdog.is_slow_to_stop(now)

    def begin(self, batch: Batch, began: float, reason: str) -> None:
        """Hands a batch to the thread. Raises RuntimeError where no more threads may be started."""
        self.batch = batch
        self.began = began
        self._watchdog.begin(began)
        self._thread.submit(lambda: self._run(batch, began, reason))

    def _run(self, batch: Batch, began: float, reason: str) -> None:
        """Called in the thread."""
        try:
            outcomes, seconds = timed_run(self._runtime, batch, self._now)
            call: tuple[Any, ...] = (self._ended, batch, began, reason, outcomes, seconds)
        except BaseException as error:  # noqa: BLE001  the loop must hear of the end, whatever it was
            call = (self._failed, batch, error)
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(*call)

    def look(self, now: float, missed: bool) -> None:
        """Looks whether it goes on for nobody, or for too long; ``missed``: the deadline of an entry has passed."""
        if self.batch is not None:
            self._watchdog.look(self.batch.entries, now, missed)

    def stop(self, now: float) -> None:
        """Stops it: nobody waits for it any more."""
        self._watchdog.stop(now)

    def end(self) -> None:
        """It has ended, or never began."""
        self._watchdog.end()
        self.batch = None

    def close(self) -> None:
        """Ends the thread once its run is done."""
        self._thread.close()
