"""Owns when a model's batch starts, whether it runs inline or in a thread, admission and deadlines. Knows no HTTP.

No timer delays a batch unless `max_wait_seconds` is set: the entries of one turn of the event loop are one run, started
at the end of that turn; entries that arrive during a run in the thread form the next batch. Times are seconds of the
monotonic clock.

A run that nobody waits for any more is stopped. Only a run whose cost its rows decide is inline, for nothing could stop
it there. docs/decisions.md: "A model that does not end is quarantined".
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Any

from server.batching.admission import Admission
from server.batching.answers import Answers, fail
from server.batching.batch import Batch, decode_seconds_of
from server.batching.cost import CostCurve
from server.batching.entry import Entry, Timing
from server.batching.quarantine import Record
from server.batching.queue import NEVER, Queue
from server.batching.run import Outcome, Runs, RunThread, timed_run, too_late, was_stopped
from server.batching.turns import Turns
from server.batching.watchdog import GRACE_SECONDS, Watchdog
from server.errors import ServerError, overloaded
from server.logs import log
from server.metrics.counters import ModelMetrics

INLINE_SECONDS = 0.001  # a run expected to be shorter blocks the loop: a thread would cost more than it saves
NEVER_INLINE = -1.0
# docs/decisions.md: "A run may take 25 ms, or twice its fixed cost"
RUN_SHARE_SECONDS = 0.025  # the curve caps the rows of a run so that it is not expected to take longer
# docs/decisions.md: "Short runs teach the cost curve one time in eight"
SURE_SECONDS = 0.0001  # the curve learns from each longer run, and from every LEARN_EVERYth shorter one
LEARN_EVERY = 8
DEAR_HALVES_SECONDS = 2 * RUN_SHARE_SECONDS  # a batch that was repeated in halves teaches from here on
# docs/decisions.md: "The loop stays awake for 100 us where requests follow at once"
BUSY_POLL_SECONDS = 0.0001
POLL_SECONDS = 0.00002  # from one turn of an idle loop to the next, at most: longer ones had work
LOOK_AT_EACH = -1.0  # a bound on the rows that wait which is always exceeded
DEADLINE_CHECK_SECONDS = 0.01  # how late a missed deadline is noticed during a run in the thread


class Batcher:
    """Runs the batches of one model version in one worker, one at a time.

    ``inline``: a run's rows decide its cost, so that a short one may block the loop; ``record``: what is held against
    the version; ``report_stuck``: called when a run does not end; ``turns``: when large answers are encoded.
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
        now: Callable[[], float] = monotonic,
    ) -> None:
        # docs/decisions.md: "A batcher has fewer than 30 attributes"
        self.name = name
        self.curve = curve
        self.metrics = metrics
        self.now = now
        self._timed = timed
        self._busy_poll = busy_poll
        self._runtime = runtime
        self._inline_seconds = INLINE_SECONDS if inline else NEVER_INLINE
        self._record = record
        self._held = record.cells  # the first is 0 unless the version is quarantined
        self._max_batch_rows = max_batch_rows
        self._max_wait_seconds = max_wait_seconds
        self._queue = Queue(row_independent, max_batch_rows)
        self._admission = Admission(self._queue, curve, queue_seconds)
        self._watchdog = Watchdog(name, runtime, record, deadline_seconds, report_stuck)
        self._unlearned = 0  # runs since the curve learned from one
        self._easy_rows = LOOK_AT_EACH  # while at most so many rows wait, every request passes
        self._apply_curve()
        self._scheduled = False
        self._closed = False
        self._refused = False  # someone was refused since the last look at deadlines
        self._ended = 0.0  # when the last batch was answered
        self._gap = 1.0  # seconds from the last answers to the latest turn
        self._wait_timer: asyncio.TimerHandle | None = None  # runs while a batch is held back by `max_wait_seconds`
        self._running: Batch | None = None
        self._began = 0.0  # when the run in the thread did
        self._deadline_timer: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()
        self._answers = Answers(name, metrics, self._turn_again, turns, now)
        self._thread = RunThread(f"run-{name}")

    @property
    def batches(self) -> bool:
        """Whether requests share runs: rows stand alone, and no run has shown otherwise."""
        return self._queue.row_independent

    @property
    def is_running(self) -> bool:
        """Whether a run goes on in the thread."""
        return self._running is not None

    # Admission

    def check_capacity(self, deadline: float = NEVER) -> None:
        """Raises ServerError for a request that would wait too long, and counts it.

        ``overloaded``: for the queue, or to be answered by its deadline; ``deadline_exceeded``; ``model_unavailable``.
        """
        if self._queue.rows > self._easy_rows:
            refusal = self._refusal(deadline)
            if refusal is not None:
                raise refusal

    def _refusal(self, deadline: float) -> ServerError | None:
        """The error of a request that must not wait, counted; None for one that may."""
        now = self.now()
        if self._held[0]:
            error: ServerError | None = self._quarantined()
        elif self._watchdog.is_slow_to_stop(now):
            error = overloaded(GRACE_SECONDS)
        else:
            rest = 0.0
            if self._running is not None:
                rest = max(self._began + self.curve.seconds(self._running.rows) - now, 0.0)
            error = self._admission.refusal(now, deadline, rest)
        if error is not None:
            self._refused = True
            self.metrics.failed(error.code)
        return error

    def _quarantined(self) -> ServerError:
        return ServerError("model_unavailable", f"this model is {self._record.reason or 'to be asked again'}")

    def submit(self, entry: Entry) -> None:
        """Queues an entry, or refuses it as `check_capacity` does; it is answered at the end of this turn or later."""
        queue = self._queue
        if queue.rows > self._easy_rows and not self._closed:
            refusal = self._refusal(entry.deadline)
            if refusal is not None:
                fail(entry, refusal)
                return
        queue.append(entry)
        if not self._scheduled and self._running is None:
            self._scheduled = True
            if self._max_wait_seconds:
                self._wait_timer = self._loop.call_later(self._max_wait_seconds, self._turn, "wait")
                self._check_deadlines_later()
            else:
                self._loop.call_soon(self._turn, "turn")
        elif self._wait_timer is not None and queue.rows >= queue.max_rows:
            self._wait_timer.cancel()
            self._wait_timer = None
            self._loop.call_soon(self._turn, "full")

    # The end

    def close(self) -> None:
        """Refuses the queue and every later entry, and ends the thread; a batch that still runs in it is answered."""
        self._closed = True
        self._thread.close()
        self._refuse_all(_draining())

    def abandon(self) -> None:
        """Closes, refuses the batch that runs as well, and stops its run."""
        self.close()
        if self._running is not None:
            for entry in self._running.entries:
                self._answers.refuse(entry, _draining())
            self._watchdog.stop(self.now())

    def _refuse_all(self, error: ServerError) -> None:
        for entry in self._queue.clear():
            self._answers.refuse(entry, error)
        self.metrics.pending(len(self._running.entries) if self._running is not None else 0)

    # Runs

    def _turn(self, reason: str) -> None:
        self._scheduled = False
        self._wait_timer = None
        if self._running is not None:
            return
        if self._answers.full:  # goes on with `_turn_again`
            self._check_deadlines_later()
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
            self._refuse_all(_draining())
        elif self._held[0]:
            self._easy_rows = LOOK_AT_EACH  # so that every later request is refused before its body is read
            self._refuse_all(self._quarantined())
        else:
            if now >= self._queue.next_deadline:
                self._expire(now)
            return self._queue.next_batch()
        return None

    def _learn(self, batch: Batch, outcomes: list[Outcome], seconds: float) -> None:
        self._unlearned = 0
        if len(outcomes) == 1:
            learns = not isinstance(outcomes[0][1], ServerError)
        else:  # what waits may fail as well, one by one
            learns = seconds > max(DEAR_HALVES_SECONDS, self.curve.seconds(batch.rows)) and not was_stopped(outcomes)
        if learns:
            self.curve.learn(batch.rows, seconds)
        self._apply_curve()

    def _doubt(self, outcomes: list[Outcome]) -> None:
        """Batches no more once a batch has failed of which every request succeeds by itself."""
        if not any(isinstance(outputs, ServerError) for _, outputs in outcomes):
            self._queue.row_independent = False
            self._inline_seconds = NEVER_INLINE
            log.error("a batch failed without a guilty request: no more batches", extra={"model": self.name})

    def _apply_curve(self) -> None:
        self._queue.max_rows = min(self._max_batch_rows, self.curve.rows_within(RUN_SHARE_SECONDS))
        self._easy_rows = self._admission.easy_rows()

    def _run_in_thread(self, batch: Batch, started: float, reason: str) -> None:
        self._running = batch
        self._easy_rows = LOOK_AT_EACH
        self._began = started
        self._watchdog.begin(started)
        self.metrics.pending(len(self._queue) + len(batch.entries))
        self._check_deadlines_later()
        self._thread.submit(lambda: self._run_and_hand_back(batch, started, reason))

    def _run_and_hand_back(self, batch: Batch, started: float, reason: str) -> None:
        """Called in the thread."""
        try:
            outcomes, seconds = timed_run(self._runtime, batch, self.now)
            call: tuple[Any, ...] = (self._end_run, batch, started, reason, outcomes, seconds)
        except BaseException as error:  # noqa: BLE001  the loop must hear of the end, whatever it was
            call = (self._recover, batch, error)
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(*call)

    def _end_run(self, batch: Batch, started: float, reason: str, outcomes: list[Outcome], seconds: float) -> None:
        if self._watchdog.stopped_at is not None:
            self.metrics.stopped_run()
        self._watchdog.end()
        self._running = None
        self._easy_rows = self._admission.easy_rows()
        try:
            self._finish(batch, started, reason, outcomes, seconds)
        except BaseException as error:  # noqa: BLE001  as in `_turn`
            self._recover(batch, error)

    def _recover(self, batch: Batch | None, error: BaseException) -> None:
        """Refuses what an error in the batcher itself leaves without an answer, and goes on."""
        log.error("the batcher failed and goes on", exc_info=error, extra={"model": self.name})
        self._watchdog.end()
        self._running = None
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
            self._learn(batch, outcomes, seconds)
            self._refuse_late(batch.entries, self.now())
        if len(outcomes) > 1:
            self._doubt(outcomes)
        self.metrics.batch(batch.rows, seconds, reason, started + seconds)
        if self._timed:
            timing = Timing(0.0, seconds, self.now(), batch.rows)
            for entry in batch.entries:
                entry.timing = timing._replace(queue=started - entry.arrived)
        counts_stages = batch.entries[0].group.counts_stages
        answering = self.now() if counts_stages else 0.0
        for answered, outputs in outcomes:
            self._answers.answer(answered, outputs, started)
        if counts_stages:
            self.metrics.stages(batch.rows, decode_seconds_of(batch), self.now() - answering)
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

    @property
    def waits(self) -> bool:
        """Whether a request waits for its run."""
        return bool(self._queue.rows)

    def queue_seconds(self) -> float:
        """Seconds that serving what waits is expected to take."""
        return self._admission.seconds_to_serve()

    def _poll_busily(self, polled_at: float = 0.0) -> None:
        """Keeps the loop from sleeping for BUSY_POLL_SECONDS after requests that followed the last batch at once.

        Sleeping and waking costs more than a run of a small model, and leaves cold caches.
        """
        if self._scheduled or self._running is not None:
            return
        now = self.now()
        if polled_at:
            self.metrics.polled(min(now - polled_at, POLL_SECONDS))
        if now - self._ended < BUSY_POLL_SECONDS:
            self._loop.call_soon(self._poll_busily, now)

    # Deadlines

    def _expire(self, now: float) -> None:
        for entry in self._queue.pop_late(now):  # a refusal may submit the next request
            self._answers.refuse(entry, too_late())

    def _refuse_late(self, entries: Sequence[Entry], now: float) -> bool:
        """Refuses those whose deadline has passed; returns whether there are any."""
        late = [entry for entry in entries if entry.deadline <= now]
        for entry in late:
            self._answers.refuse(entry, too_late())
        return bool(late)

    def _check_deadlines_later(self) -> None:
        if self._deadline_timer is None:
            self._deadline_timer = self._loop.call_later(DEADLINE_CHECK_SECONDS, self._check_deadlines)

    def _check_deadlines(self) -> None:
        self._deadline_timer = None
        if self._running is None and self._wait_timer is None and not self._answers.full:
            return
        now = self.now()
        if now >= self._queue.next_deadline:
            self._expire(now)
        if self._refused:
            self._refused = False
            self._queue.forget_done()
        running = self._running.entries if self._running is not None else ()
        if running:
            self._watchdog.look(running, now, self._refuse_late(running, now))
        self.metrics.pending(len(self._queue) + len(running))
        self._check_deadlines_later()


def _draining() -> ServerError:
    return ServerError("draining", "this server is stopping")
