"""Owns when a model's batch starts, whether it runs inline or in a thread, and deadlines. Knows no HTTP.

No timer delays a batch unless `max_wait_seconds` is set: the entries of one turn of the event loop are one run, started
at the end of that turn; entries that arrive during a run in the thread form the next batch. Times are seconds of the
monotonic clock.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from time import monotonic, perf_counter
from typing import Protocol

from server.artefact.runtime import Feed
from server.artefact.tensors import Array
from server.batching.batch import (
    Batch,
    check_rows,
    decode_seconds_of,
    deliver,
    feed_of,
    next_batch,
    shares,
    whole_answers,
)
from server.batching.cost import CostCurve
from server.batching.entry import Entry, Timing
from server.batching.slice_queue import SliceQueue
from server.errors import ServerError, overloaded
from server.logs import log
from server.metrics.scoreboard import ModelMetrics

INLINE_SECONDS = 0.001  # a run expected to be shorter blocks the loop: a thread would cost more than it saves
# docs/decisions.md: "A run may take 25 ms, or twice its fixed cost"
RUN_SHARE_SECONDS = 0.025  # the curve caps the rows of a run so that it is not expected to take longer
# docs/decisions.md: "Short runs teach the cost curve one time in eight"
SURE_SECONDS = 0.0001  # the curve learns from each longer run, and from every LEARN_EVERYth shorter one
LEARN_EVERY = 8
# docs/decisions.md: "The loop stays awake for 100 us where requests follow at once"
BUSY_POLL_SECONDS = 0.0001
# docs/decisions.md: "What is legal and heavy is read in slices"
ANSWER_VALUES = 16_384  # of outputs; answers of more are encoded in slices
DEADLINE_CHECK_SECONDS = 0.01  # how late a missed deadline is noticed during a run in the thread


class Runs(Protocol):
    """What a batcher needs of a runtime."""

    def run(self, outputs: Sequence[str], feed: Feed) -> list[Array]:
        """Runs the graph: returns one array per name in ``outputs``."""


class Batcher:
    """Runs the batches of one model version in one worker, one at a time."""

    def __init__(
        self,
        name: str,
        runtime: Runs,
        curve: CostCurve,
        metrics: ModelMetrics,
        *,
        row_independent: bool,
        max_batch_rows: int,
        max_wait_seconds: float,
        queue_seconds: float,
        timed: bool = False,
        busy_poll: bool = False,
        now: Callable[[], float] = monotonic,
    ) -> None:
        self.name = name
        self.curve = curve
        self.metrics = metrics
        self.row_independent = row_independent
        self.now = now
        self._timed = timed
        self._busy_poll = busy_poll
        self._runtime = runtime
        self._max_batch_rows = max_batch_rows
        self._max_wait_seconds = max_wait_seconds
        self._queue_seconds = queue_seconds
        self._queue: deque[Entry] = deque()
        self._waiting_rows = 0
        self._unlearned = 0  # runs since the curve learned from one
        self._row_cap = max_batch_rows  # of the next run, as the curve allows
        self._easy_rows = 0.0  # up to so many waiting rows need no capacity check
        self._apply_curve()
        self._next_deadline = float("inf")  # the earliest in the queue: a turn need not look at each
        self._scheduled = False
        self._closed = False
        self._ended = 0.0  # when the last batch was answered
        self._gap = 1.0  # seconds from the last answers to the latest turn
        self._wait_timer: asyncio.TimerHandle | None = None  # runs while a batch is held back by `max_wait_seconds`
        self._running: Batch | None = None
        self._deadline_timer: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()
        self._answers = SliceQueue(float("inf"), now)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"run-{name}")

    def check_capacity(self) -> None:
        """Raises ServerError ``overloaded`` when the entries in the queue need more than `queue_seconds` to serve."""
        if self._waiting_rows > self._easy_rows and (seconds := self._seconds_to_serve()) > self._queue_seconds:
            raise overloaded(seconds)

    def _seconds_to_serve(self) -> float:
        """Seconds that serving the queue is expected to take: each run costs the fixed part again."""
        rows, curve = self._waiting_rows, self.curve
        runs = 1 + (rows - 1) // self._row_cap if self.row_independent else len(self._queue)
        return runs * curve.fixed_seconds + rows * curve.row_seconds

    def submit(self, entry: Entry) -> None:
        """Queues an entry; it is answered or refused at the end of this turn of the loop or later."""
        self._queue.append(entry)
        self._waiting_rows += entry.rows
        if entry.deadline < self._next_deadline:
            self._next_deadline = entry.deadline
        if not self._scheduled and self._running is None:
            self._scheduled = True
            if self._max_wait_seconds:
                self._wait_timer = self._loop.call_later(self._max_wait_seconds, self._turn, "wait")
                self._check_deadlines_later()
            else:
                self._loop.call_soon(self._turn, "turn")
        elif self._wait_timer is not None and self._waiting_rows >= self._row_cap:
            self._wait_timer.cancel()
            self._wait_timer = None
            self._loop.call_soon(self._turn, "full")

    def close(self) -> None:
        """Refuses the queue and every later entry, and ends the thread; a batch that still runs in it is answered."""
        self._closed = True
        self._thread.shutdown(wait=False)
        self._refuse_all()

    def _refuse_all(self) -> None:
        waiting, self._queue, self._waiting_rows = self._queue, deque(), 0
        for entry in waiting:
            self._fail(entry, ServerError("draining", "this server is stopping"))

    def _turn(self, reason: str) -> None:
        self._scheduled = False
        self._wait_timer = None
        if self._running is not None:
            return
        if self._closed:
            self._refuse_all()
            return
        now = self.now()
        self._gap = now - self._ended
        if now >= self._next_deadline:
            self._expire(now)
        batch = next_batch(self._queue, self._row_cap, self.row_independent)
        self._waiting_rows = sum([entry.rows - entry.dispatched_rows for entry in self._queue]) if self._queue else 0
        if batch is None:
            return
        if self._queue and batch.rows >= self._row_cap:
            reason = "full"
        if self.curve.seconds(batch.rows) <= INLINE_SECONDS:
            self._finish(batch, now, reason, *_timed_run(self._runtime, batch))
        else:
            self._run_in_thread(batch, now, reason)

    def _learn(self, batch: Batch, outcomes: list[_Outcome], seconds: float) -> None:
        self._unlearned = 0
        if len(outcomes) == 1 and not isinstance(outcomes[0][1], ServerError):
            self.curve.learn(batch.rows, seconds)
        self._apply_curve()

    def _apply_curve(self) -> None:
        curve = self.curve
        self._row_cap = min(self._max_batch_rows, curve.rows_within(RUN_SHARE_SECONDS))
        row_seconds = curve.row_seconds + curve.fixed_seconds / (self._row_cap if self.row_independent else 1)
        spare = max(self._queue_seconds - curve.fixed_seconds, 0.0)
        self._easy_rows = spare / row_seconds if row_seconds > 0.0 else float("inf")

    def _run_in_thread(self, batch: Batch, started: float, reason: str) -> None:
        self._running = batch
        self.metrics.pending(len(self._queue) + len(batch.entries))
        self._check_deadlines_later()
        future = self._thread.submit(_timed_run, self._runtime, batch)
        future.add_done_callback(lambda done: self._hand_back(done, batch, started, reason))

    def _hand_back(self, future: Future[_Timed], batch: Batch, started: float, reason: str) -> None:
        """Called in the thread: hands the outcome to the loop."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._finish, batch, started, reason, *future.result())

    def _finish(self, batch: Batch, started: float, reason: str, outcomes: list[_Outcome], seconds: float) -> None:
        self._running = None
        self._unlearned += 1
        if seconds > SURE_SECONDS or self._unlearned >= LEARN_EVERY:
            self._learn(batch, outcomes, seconds)
        self.metrics.batch(batch.rows, seconds, reason, started + seconds)
        if self._timed:
            timing = Timing(0.0, seconds, self.now(), batch.rows)
            for entry in batch.entries:
                entry.timing = timing._replace(queue=started - entry.arrived)
        counts_stages = batch.entries[0].group.counts_stages
        answering = self.now() if counts_stages else 0.0
        for answered, outputs in outcomes:
            self._answer(answered, outputs, started)
        if counts_stages:
            self.metrics.stages(batch.rows, decode_seconds_of(batch), self.now() - answering)
        self.metrics.pending(len(self._queue))
        if self._queue and not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._turn, "slot")
        elif self._busy_poll:
            self._ended = self.now()
            if self._gap < BUSY_POLL_SECONDS:
                self._loop.call_soon(self._poll_busily)

    def _poll_busily(self) -> None:
        """Keeps the loop from sleeping for BUSY_POLL_SECONDS after requests that followed the last batch at once.

        Sleeping and waking costs more than a run of a small model, and leaves cold caches.
        """
        if not self._scheduled and self._running is None and self.now() - self._ended < BUSY_POLL_SECONDS:
            self._loop.call_soon(self._poll_busily)

    def _answer(self, batch: Batch, outputs: list[Array] | ServerError, started: float) -> None:
        if isinstance(outputs, ServerError):
            for entry in batch.entries:
                self._fail(entry, outputs)
            return
        self._count(batch, started)
        answers = whole_answers(batch, outputs)
        if answers is None:
            return
        whole, results = answers
        values = sum([output.size for output in results])
        if values <= ANSWER_VALUES:
            self._deliver(whole, results)
        elif len(whole.entries) == 1:
            self._answer_in_slices(whole.entries[0], results)
        else:
            rows = max(1, ANSWER_VALUES * whole.rows // values)
            for share, own in shares(whole, results, rows):
                self._loop.call_soon(self._deliver_share, share, own)

    def _deliver(self, batch: Batch, outputs: Sequence[Array]) -> None:
        """Answers a batch; one that cannot be answered as a whole entry by entry, so that others do not suffer."""
        try:
            deliver(batch, outputs)
        except Exception:  # noqa: BLE001  an entry is never left without an answer
            log.exception("a batch could not be answered", extra={"model": self.name})
        else:
            return
        if len(batch.entries) == 1:
            self._fail(batch.entries[0], _no_answer())
            return
        for alone, own in shares(batch, outputs, 0):
            if not alone.entries[0].done:
                self._deliver(alone, own)

    def _deliver_share(self, batch: Batch, outputs: Sequence[Array]) -> None:
        if len(batch.entries) == 1:
            self._answer_in_slices(batch.entries[0], outputs)
        else:
            self._deliver(batch, outputs)

    def _answer_in_slices(self, entry: Entry, outputs: Sequence[Array]) -> None:
        if not entry.done:
            self._answers.add(
                entry, entry.group.deliver_in_slices(entry, outputs), lambda error: self._answered(entry, error)
            )

    def _answered(self, entry: Entry, error: ServerError | None) -> None:
        if error is not None:
            self._fail(entry, error)

    def _fail(self, entry: Entry, error: ServerError) -> None:
        if entry.fail(error):
            self.metrics.failed(error.code, self.now() - entry.arrived)

    def _count(self, batch: Batch, started: float) -> None:
        """Counts the requests whose last rows are in this batch."""
        if batch.start is not None and batch.start + batch.rows < batch.entries[0].rows:
            return
        arrivals = [entry.arrived for entry in batch.entries if not entry.done]
        requests, arrived = len(arrivals), sum(arrivals)
        self.metrics.answered(requests, requests * self.now() - arrived, requests * started - arrived)

    def _expire(self, now: float) -> None:
        """Refuses every queued entry past its deadline; `next_batch` drops it later."""
        for entry in [entry for entry in self._queue if entry.deadline <= now]:  # a refusal may submit the next request
            self._fail(entry, _too_late())
        self._next_deadline = min((entry.deadline for entry in self._queue if not entry.done), default=float("inf"))

    def _check_deadlines_later(self) -> None:
        if self._deadline_timer is None:
            self._deadline_timer = self._loop.call_later(DEADLINE_CHECK_SECONDS, self._check_deadlines)

    def _check_deadlines(self) -> None:
        self._deadline_timer = None
        if self._running is None and self._wait_timer is None:
            return
        now = self.now()
        self._expire(now)
        running = self._running.entries if self._running is not None else ()
        for entry in running:
            if entry.deadline <= now:
                self._fail(entry, _too_late())
        self.metrics.pending(len(self._queue) + len(running))
        self._check_deadlines_later()


def _no_answer() -> ServerError:
    return ServerError("internal", "the answer could not be made; the server's log says why")


def _too_late() -> ServerError:
    return ServerError("deadline_exceeded", "the request was not answered before its deadline")


_Outcome = tuple[Batch, list[Array] | ServerError]
_Timed = tuple[list[_Outcome], float]


def _timed_run(runtime: Runs, batch: Batch) -> _Timed:
    """Runs a batch in the calling thread: returns outcomes that cover every entry, and the seconds it took."""
    began = perf_counter()
    outcomes = _run(runtime, batch)
    return outcomes, perf_counter() - began


def _run(runtime: Runs, batch: Batch) -> list[_Outcome]:
    """Runs a batch; a batch of several entries that fails is bisected, so that only the failing entry is refused."""
    try:
        group = batch.entries[0].group
        outputs = runtime.run(group.outputs, feed_of(batch))
        if group.rows_first:
            check_rows(outputs, batch.rows)
    except Exception as error:  # noqa: BLE001  ONNX Runtime raises a dozen unrelated types of its own
        if len(batch.entries) > 1:
            middle = len(batch.entries) // 2
            return [
                *_run(runtime, _of(batch.entries[:middle])),
                *_run(runtime, _of(batch.entries[middle:])),
            ]
        if isinstance(error, ServerError):
            return [(batch, error)]
        log.warning("the model failed on a request: %s", error)
        return [(batch, ServerError("model_error", "the model could not predict this input"))]
    return [(batch, outputs)]


def _of(entries: list[Entry]) -> Batch:
    return Batch(entries, sum(entry.rows for entry in entries))
