"""Owns when a model's batch starts, whether it runs inline or in a thread, and what its end sets going. Knows no HTTP.

No timer delays a batch unless `max_wait_seconds` is set: the entries of one turn of the event loop are one run, started
at the end of that turn; entries that arrive during a run in the thread form the next batch. Times are seconds of the
monotonic clock.

A run that nobody waits for any more is stopped. Only a run whose cost its rows decide is inline, for nothing could stop
it there. docs/decisions.md: "A model that does not end is quarantined".
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import monotonic

from server.batching.admission import LOOK_AT_EACH, Admission
from server.batching.answers import Answers
from server.batching.batch import Batch
from server.batching.cost import CostCurve
from server.batching.deadlines import Deadlines
from server.batching.learning import LEARN_EVERY, SURE_SECONDS, learn, rows_of_a_run
from server.batching.queue import Queue
from server.batching.runs.quarantine import Record
from server.batching.runs.run import Outcome, Runs, timed_run
from server.batching.runs.threaded import ThreadedRun
from server.batching.runs.watchdog import Watchdog
from server.batching.turns import Turns
from server.errors import ServerError, draining
from server.logs import log
from server.metrics.counters import ModelMetrics

INLINE_SECONDS = 0.001  # a run expected to be shorter blocks the loop: a thread would cost more than it saves
NEVER_INLINE = -1.0
# docs/decisions.md: "The loop stays awake for 100 us where requests follow at once"
BUSY_POLL_SECONDS = 0.0001
POLL_SECONDS = 0.00002  # from one turn of an idle loop to the next, at most: longer ones had work


class Dispatcher:
    """Runs the batches of one model version in one worker, one at a time.

    ``inline``: a run's rows decide its cost, so that a short one may block the loop; ``record``: what is held against
    the version; ``report_stuck``: called when a run does not end; ``turns``: when large answers are encoded;
    ``light_rows``: beyond so many that wait, the bytes of every request are counted.
    """

    def __init__(
        self,
        name: str,
        runtime: Runs,
        curve: CostCurve,
        metrics: ModelMetrics,
        *,
        row_independent: bool,
        inline: bool,
        record: Record,
        max_batch_rows: int,
        max_wait_seconds: float,
        queue_seconds: float,
        deadline_seconds: float,
        report_stuck: Callable[[], None],
        turns: Turns,
        timed: bool = False,
        busy_poll: bool = False,
        light_rows: float = float("inf"),
        now: Callable[[], float] = monotonic,
    ) -> None:
        # docs/decisions.md: "A batcher has fewer than 30 attributes"
        self.name = name
        self.curve = curve
        self.metrics = metrics
        self.now = now
        self.light_rows = light_rows
        self._busy_poll = busy_poll
        self._runtime = runtime
        self._inline_seconds = INLINE_SECONDS if inline else NEVER_INLINE
        self._held = record.cells  # the first is 0 unless the version is quarantined
        self._max_batch_rows = max_batch_rows
        self._max_wait_seconds = max_wait_seconds
        self._queue = Queue(row_independent, max_batch_rows)
        self._unlearned = 0  # runs since the curve learned from one
        self._scheduled = False
        self._closed = False
        self._ended = 0.0  # when the last batch was answered
        self._gap = 1.0  # seconds from the last answers to the latest turn
        self._wait_timer: asyncio.TimerHandle | None = None  # runs while a batch is held back by `max_wait_seconds`
        self._loop = asyncio.get_running_loop()
        self._answers = Answers(name, metrics, self._turn_again, turns, timed, now)
        watchdog = Watchdog(name, runtime, record, deadline_seconds, report_stuck)
        self._run = ThreadedRun(name, runtime, watchdog, now, self._end_run, self._recover)
        self._admission = Admission(self._queue, curve, record, self._run, queue_seconds, light_rows)
        self._deadlines = Deadlines(self._queue, self._run, self._answers, metrics, self._holds_back, now)
        self._easy_rows = LOOK_AT_EACH  # while at most so many rows wait, every request passes
        self._apply_curve()

    def _holds_back(self) -> bool:
        """Whether what waits is held back: for others to come, or until answers are encoded."""
        return self._wait_timer is not None or self._answers.full

    def _turn(self, reason: str) -> None:
        self._scheduled = False
        self._wait_timer = None
        if self._run.batch is not None:
            return
        if self._answers.full:  # goes on with `_turn_again`
            self._deadlines.look_later()
            return
        batch = None
        try:
            now = self.now()
            self._gap = now - self._ended
            batch = self._next_batch(now)
            if batch is not None:
                if self._queue.rows and batch.rows >= self._queue.max_rows:
                    reason = "full"
                self.metrics.begin_run(now)
                if self.curve.seconds(batch.rows) <= self._inline_seconds:
                    outcomes, seconds = timed_run(self._runtime, batch, self.now, halve=False)
                    if outcomes:
                        self._finish(batch, now, reason, outcomes, seconds)
                        return
                self._run_in_thread(batch, now, reason)
            else:
                self.metrics.pending(0)
        except BaseException as error:  # noqa: BLE001  no entry is left without an answer, and the batcher goes on
            self._recover(batch, error)

    def _next_batch(self, now: float) -> Batch | None:
        if self._closed:
            self._refuse_all(draining())
        elif self._held[0]:
            self._easy_rows = LOOK_AT_EACH  # so that every later request is refused before its body is read
            self._refuse_all(self._admission.quarantined())
        else:
            if now >= self._queue.next_deadline:
                self._deadlines.expire(now)
            return self._queue.next_batch()
        return None

    def _doubt(self, outcomes: list[Outcome]) -> None:
        """Batches no more once a batch has failed of which every request succeeds by itself."""
        if not any(isinstance(outputs, ServerError) for _, outputs in outcomes):
            self._queue.row_independent = False
            self._inline_seconds = NEVER_INLINE
            log.error("a batch failed without a guilty request: no more batches", extra={"model": self.name})

    def _apply_curve(self) -> None:
        self._queue.max_rows = rows_of_a_run(self.curve, self._max_batch_rows)
        self._easy_rows = self._admission.easy_rows()

    def _run_in_thread(self, batch: Batch, started: float, reason: str) -> None:
        self._easy_rows = LOOK_AT_EACH
        self.metrics.pending(len(self._queue) + len(batch.entries))
        self._deadlines.look_later()
        self._run.begin(batch, started, reason)

    def _end_run(self, batch: Batch, started: float, reason: str, outcomes: list[Outcome], seconds: float) -> None:
        if self._run.was_stopped:
            self.metrics.stopped_run()
        self._run.end()
        self._easy_rows = self._admission.easy_rows()
        try:
            self._finish(batch, started, reason, outcomes, seconds)
        except BaseException as error:  # noqa: BLE001  as in `_turn`
            self._recover(batch, error)

    def _recover(self, batch: Batch | None, error: BaseException) -> None:
        """Refuses what an error in the batcher itself leaves without an answer, and goes on."""
        log.error("the batcher failed and goes on", exc_info=error, extra={"model": self.name})
        self._run.end()
        self._easy_rows = self._admission.easy_rows()
        self.metrics.fail_run()
        for entry in batch.entries if batch is not None else self._queue.clear():
            self._answers.refuse(entry, ServerError("internal", "the server failed on this request; its log says why"))
        self.metrics.pending(len(self._queue))
        self._turn_again()
        if isinstance(error, KeyboardInterrupt | SystemExit):
            raise error

    def _finish(self, batch: Batch, started: float, reason: str, outcomes: list[Outcome], seconds: float) -> None:
        self._unlearned += 1
        if seconds > SURE_SECONDS or self._unlearned >= LEARN_EVERY:
            self._unlearned = 0
            learn(self.curve, batch, outcomes, seconds)
            self._apply_curve()
            self._deadlines.refuse_late(batch.entries, self.now())
        if len(outcomes) > 1:
            self._doubt(outcomes)
        self._answers.answer_all(batch, started, reason, outcomes, seconds)
        self.metrics.pending(len(self._queue))
        self._turn_again()
        if not self._scheduled and self._busy_poll:
            self._ended = self.now()
            if self._gap < BUSY_POLL_SECONDS:
                self._loop.call_soon(self._poll_busily)

    def _turn_again(self) -> None:
        """Goes on with what waits, after a run, or lets go of those that do no longer."""
        if (self._queue.rows or self._queue.placed) and not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._turn, "slot")

    def _poll_busily(self, polled_at: float = 0.0) -> None:
        """Keeps the loop from sleeping for BUSY_POLL_SECONDS after requests that followed the last batch at once.

        Sleeping and waking costs more than a run of a small model, and leaves cold caches.
        """
        if self._scheduled or self._run.batch is not None:
            return
        now = self.now()
        if polled_at:
            self.metrics.polled(min(now - polled_at, POLL_SECONDS))
        if now - self._ended < BUSY_POLL_SECONDS:
            self._loop.call_soon(self._poll_busily, now)

    def _refuse_all(self, error: ServerError) -> None:
        for entry in self._queue.clear():
            self._answers.refuse(entry, error)
        self.metrics.pending(len(self._run.entries))
