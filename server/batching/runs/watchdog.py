"""Owns what becomes of a run in the thread that takes too long: stopped, held against the version, or stuck.

Knows no queue and no loop: it is asked to look from time to time. Times are seconds of the monotonic clock. Nothing is
held against a version that could have answered within the server's own deadline, whatever its clients ask.
docs/decisions.md: "A model that does not end is quarantined", "A strike is a run of a whole deadline", "After runs in
vain one is watched to its end".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from server.batching.entry import Entry
from server.batching.runs.quarantine import STRIKES, Record
from server.batching.runs.run import Runs
from server.logs import log

STOP_SECONDS = 1.0  # within which a run that was stopped ends, but for one in a long operator
GRACE_SECONDS = 5.0  # for a run to end after it was stopped; then its thread counts as stuck
NEAR_SHARE = 0.9  # of a whole deadline: a run that has missed its clients' by then is watched to its end
MOST_IN_VAIN = 16  # runs stopped in a row; the next is watched to its end, as after a whole deadline of them
LEAST_STRIKE_SECONDS = 0.1  # a run shorter than this is held against nobody: usual ones may take nearly as long
# Between two looks more than these was no time of the run: the whole process stood still.
GAP_SHARE, LEAST_GAP_SECONDS, MOST_GAP_SECONDS = 0.1, 0.05, 1.0


class Watchdog:
    """Watches the runs of one version, one at a time. ``report_stuck`` is called when a run does not end.

    ``deadline_seconds``: the server's own deadline, counted from when a request came.
    """

    def __init__(
        self, name: str, runtime: Runs, record: Record, deadline_seconds: float, report_stuck: Callable[[], None]
    ) -> None:
        self._name = name
        self._runtime = runtime
        self._record = record
        self._strike_seconds = max(deadline_seconds, LEAST_STRIKE_SECONDS)
        self._most_gap = min(max(GAP_SHARE * deadline_seconds, LEAST_GAP_SECONDS), MOST_GAP_SECONDS)
        self._report_stuck = report_stuck
        self._stuck = False
        self._in_vain: list[float] = []  # seconds of the runs that were stopped, in a row
        self.begin(0.0)
        self.stopped_at: float | None = None  # while a run that was stopped has not ended

    def begin(self, now: float) -> None:
        """A run begins."""
        self._goes_on = True
        self._looked = now
        self._ran = 0.0  # seconds, those left out in which the process stood still
        self._missed = False  # somebody's deadline has passed
        self._struck = False
        self._to_its_end = len(self._in_vain) >= MOST_IN_VAIN or sum(self._in_vain) >= self._strike_seconds

    def look(self, entries: Sequence[Entry], now: float, missed: bool) -> None:
        """Looks at the run that goes on, for these entries; ``missed``: the deadline of one has passed."""
        self._ran += min(now - self._looked, self._most_gap)
        self._looked = now
        self._missed = self._missed or missed
        if self.stopped_at is None:
            if all(entry.done for entry in entries) and not self._shall_be_known():
                self.stop(now)
                if self._missed or self._to_its_end:
                    self._strike(now)
        elif now - self.stopped_at >= GRACE_SECONDS and self._ran >= self._strike_seconds and not self._stuck:
            self._stuck = True
            log.error("a run does not end, its worker must be replaced", extra={"model": self._name})
            self._strike(now)
            self._report_stuck()

    def _shall_be_known(self) -> bool:
        """Whether the run goes on without anybody, to show if it takes a whole deadline.

        For a little more time where its clients had waited before it began; or as those before it were all stopped,
        and nobody knows whether the version ever ends.
        """
        if self._ran >= self._strike_seconds:
            return False
        return self._to_its_end or (self._missed and self._ran >= NEAR_SHARE * self._strike_seconds)

    def is_slow_to_stop(self, now: float) -> bool:
        """Whether a run was stopped for more than STOP_SECONDS and has not ended: nobody knows when it will."""
        return self.stopped_at is not None and now - self.stopped_at > STOP_SECONDS

    def stop(self, now: float) -> None:
        """Stops the run, which nobody waits for any more."""
        self.stopped_at = now
        self._runtime.stop()

    def end(self) -> None:
        """The run has ended; where none goes on nothing happens."""
        if self.stopped_at is not None:
            self._runtime.resume()
            self.stopped_at = None
            self._in_vain = [*self._in_vain, self._ran][-MOST_IN_VAIN:]
        elif self._goes_on:
            self._in_vain = []
        self._goes_on = False

    def _strike(self, now: float) -> None:
        """Holds the run against the version, once, if it has taken a whole deadline."""
        if self._struck or self._ran < self._strike_seconds:
            return
        self._struck = True
        count = self._record.strike(now)
        reason = self._record.reason or f"{count} of {STRIKES} that quarantine it"
        log.error("a run outlasted the deadline and was stopped: %s", reason, extra={"model": self._name})
