"""Owns what becomes of a run in the thread that takes too long: stopped, held against the version, or stuck.

Knows no queue and no loop: it is asked to look from time to time. Times are seconds of the monotonic clock.
docs/decisions.md: "A model that does not end is quarantined".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from server.batching.entry import Entry
from server.batching.quarantine import STRIKES, Record
from server.batching.run import Runs
from server.logs import log

STOP_SECONDS = 1.0  # within which a run that was stopped ends, but for one in a long operator
GRACE_SECONDS = 5.0  # for a run to end after it was stopped; then its thread counts as stuck
STRIKE_SHARE = 0.5  # of a full deadline: a run that was stopped earlier is held against nobody
LEAST_STRIKE_SECONDS = 0.02  # nor is one as short as usual runs are


class Watchdog:
    """Watches the runs of one version, one at a time. ``report_stuck`` is called when a run does not end."""

    def __init__(
        self, name: str, runtime: Runs, record: Record, deadline_seconds: float, report_stuck: Callable[[], None]
    ) -> None:
        self._name = name
        self._runtime = runtime
        self._record = record
        self._strike_seconds = max(STRIKE_SHARE * deadline_seconds, LEAST_STRIKE_SECONDS)
        self._report_stuck = report_stuck
        self._began = 0.0
        self._stuck = False
        self.stopped_at: float | None = None  # while a run that was stopped has not ended

    def begin(self, now: float) -> None:
        """A run begins."""
        self._began = now

    def look(self, entries: Sequence[Entry], now: float, missed: bool) -> None:
        """Looks at the run that goes on, for these entries; ``missed``: the deadline of one has passed."""
        if self.stopped_at is None:
            if all(entry.done for entry in entries):
                self.stop(now)
                if missed and now - self._began >= self._strike_seconds:
                    self._strike(now)
        elif now - self.stopped_at >= GRACE_SECONDS and not self._stuck:
            self._stuck = True
            log.error("a run does not end, its worker must be replaced", extra={"model": self._name})
            self._report_stuck()

    def is_slow_to_stop(self, now: float) -> bool:
        """Whether a run was stopped for more than STOP_SECONDS and has not ended: nobody knows when it will."""
        return self.stopped_at is not None and now - self.stopped_at > STOP_SECONDS

    def stop(self, now: float) -> None:
        """Stops the run, which nobody waits for any more."""
        self.stopped_at = now
        self._runtime.stop()

    def end(self) -> None:
        """The run has ended."""
        if self.stopped_at is not None:
            self._runtime.resume()
            self.stopped_at = None

    def _strike(self, now: float) -> None:
        count = self._record.strike(now)
        reason = self._record.reason or f"{count} of {STRIKES} that quarantine it"
        log.error("a run outlasted the deadline and was stopped: %s", reason, extra={"model": self._name})
