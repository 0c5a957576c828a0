"""Owns the refusal of requests whose deadline passes, as they wait or run. Knows not when a batch begins."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from server.batching.answers import Answers
from server.batching.entry import Entry
from server.batching.queue import Queue
from server.batching.runs.run import too_late
from server.batching.runs.threaded import ThreadedRun
from server.metrics.counters import ModelMetrics

CHECK_SECONDS = 0.01  # how late a missed deadline is noticed during a run in the thread


class Deadlines:
    """The deadlines of one version's requests.

    ``held_back``: whether a batch waits for more than the end of a run; ``now``: the monotonic clock.
    """

    def __init__(
        self,
        queue: Queue,
        run: ThreadedRun,
        answers: Answers,
        metrics: ModelMetrics,
        held_back: Callable[[], bool],
        now: Callable[[], float],
    ) -> None:
        self.refused = False  # someone was refused since the last look
        self._queue = queue
        self._run = run
        self._answers = answers
        self._metrics = metrics
        self._held_back = held_back
        self._now = now
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None

    def expire(self, now: float) -> None:
        """Refuses those that wait too long."""
        for entry in self._queue.pop_late(now):  # a refusal may submit the next request
            self._answers.refuse(entry, too_late())

    def refuse_late(self, entries: Sequence[Entry], now: float) -> bool:
        """Refuses those whose deadline has passed; returns whether there are any."""
        late = [entry for entry in entries if entry.deadline <= now]
        for entry in late:
            self._answers.refuse(entry, too_late())
        return bool(late)

    def look_later(self) -> None:
        """Looks from time to time, as long as a run goes on or a batch is held back."""
        if self._timer is None:
            self._timer = self._loop.call_later(CHECK_SECONDS, self._look)

    def _look(self) -> None:
        self._timer = None
        running = self._run.entries
        if not running and not self._held_back():
            return
        now = self._now()
        if now >= self._queue.next_deadline:
            self.expire(now)
        if self.refused:
            self.refused = False
            self._queue.forget_done()
        if running:
            self._run.look(now, self.refuse_late(running, now))
        self._metrics.pending(len(self._queue) + len(running))
        self.look_later()
