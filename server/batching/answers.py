"""Owns how entries get their answers, or an error: at once, or many values a little at a time; and counts them.

Knows no queue and no deadlines. Outputs wait here until they are encoded. A row may become a million values, so where
many wait no further batch is run. docs/decisions.md: "Many small requests may have large answers".
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from server.artefact.tensors import Array
from server.batching.batch import Batch, decode_seconds_of, deliver, shares, whole_answers
from server.batching.entry import Entry, Timing
from server.batching.runs.run import Outcome
from server.batching.slice_queue import SliceQueue
from server.batching.turns import Turns
from server.errors import ServerError
from server.logs import log
from server.metrics.counters import ModelMetrics

# docs/decisions.md: "What is legal and heavy is read in slices"
ANSWER_VALUES = 16_384  # of outputs; answers of more are encoded in slices, and those of many entries some at a time
MANY_OUTPUTS, OUTPUT_VALUES = 128, 32  # of so many each counts as some values more
MAX_VALUES = 1 << 23  # that may wait to be encoded when the next batch is run


class Answers:
    """Answers and refuses the entries of one model version.

    ``go_on``: called once it is not full any more; ``timed``: answers have a `Timing`; ``now``: the monotonic clock.
    """

    def __init__(
        self,
        name: str,
        metrics: ModelMetrics,
        go_on: Callable[[], None],
        turns: Turns,
        timed: bool,
        now: Callable[[], float],
    ) -> None:
        self._name = name
        self._metrics = metrics
        self._go_on = go_on
        self._timed = timed
        self._now = now
        self._values = 0  # that wait
        self._shares: deque[tuple[Batch, Sequence[Array], int]] = deque()  # each with its values
        self._turns = turns
        self._slices = SliceQueue(float("inf"), turns)

    @property
    def full(self) -> bool:
        """Whether so many values wait that no batch shall add to them."""
        return self._values > MAX_VALUES

    def answer_all(self, batch: Batch, began: float, reason: str, outcomes: Sequence[Outcome], seconds: float) -> None:
        """Answers the entries of a run, whose outcomes cover them, and counts it; ``reason``: why it began then."""
        self._metrics.batch(batch.rows, seconds, reason, began + seconds)
        if self._timed:
            timing = Timing(0.0, seconds, self._now(), batch.rows)
            for entry in batch.entries:
                entry.timing = timing._replace(queue=began - entry.arrived)
        counts_stages = batch.entries[0].group.counts_stages
        answering = self._now() if counts_stages else 0.0
        for answered, outputs in outcomes:
            self.answer(answered, outputs, began)
        if counts_stages:
            self._metrics.stages(batch.rows, decode_seconds_of(batch), self._now() - answering)

    def answer(self, batch: Batch, outputs: list[Array] | ServerError, started: float) -> None:
        """Answers the entries whose rows are complete with the outputs of a run begun at ``started``, or its error.

        Now, or in turns of the loop to come.
        """
        if isinstance(outputs, ServerError):
            for entry in batch.entries:
                self.refuse(entry, outputs)
            return
        self._count(batch, started)
        answers = whole_answers(batch, outputs)
        if answers is None:
            return
        whole, results = answers
        values = sum([output.size for output in results])
        if len(results) > MANY_OUTPUTS:
            values += OUTPUT_VALUES * len(results)
        if values <= ANSWER_VALUES:
            self._deliver(whole, results)
        elif len(whole.entries) == 1:
            if not whole.entries[0].done:
                self._deliver_in_slices(whole.entries[0], results, values)
        else:
            self._deliver_in_shares(whole, results, values)

    def _deliver_in_shares(self, batch: Batch, outputs: Sequence[Array], values: int) -> None:
        if not self._shares:
            self._turns.add(self)
        for share, own in shares(batch, outputs, max(1, ANSWER_VALUES * batch.rows // values)):
            size = values * share.rows // batch.rows
            self._values += size
            self._shares.append((share, own, size))

    def work_on(self, until: float) -> bool:
        """Answers shares of batches until a time; returns whether there are more."""
        while self._shares and self._turns.now() < until:
            try:
                self._answer_share(*self._shares[0])
            finally:  # whatever became of it, it has had its turn
                self._shares.popleft()  # not before: what comes meanwhile would wait twice
        return bool(self._shares)

    def _answer_share(self, share: Batch, outputs: Sequence[Array], values: int) -> None:
        if len(share.entries) > 1:
            self._deliver(share, outputs)
        elif not share.entries[0].done:  # if it is, nobody waits for what may be a million values
            self._values -= values
            self._deliver_in_slices(share.entries[0], outputs, values)
            return
        self._delivered(values)

    def _deliver(self, batch: Batch, outputs: Sequence[Array]) -> None:
        """Answers a batch; one that cannot be answered as a whole entry by entry, so that others do not suffer."""
        arrivals = _arrivals(batch.entries)
        try:
            deliver(batch, outputs)
        except Exception:  # noqa: BLE001  an entry is never left without an answer
            log.exception("a batch could not be answered", extra={"model": self._name})
        else:
            if arrivals:
                self._metrics.written(batch.entries[0].group.route_name, arrivals, self._now())
            return
        if len(batch.entries) == 1:
            self.refuse(batch.entries[0], _no_answer())
            return
        for alone, own in shares(batch, outputs, 0):
            if not alone.entries[0].done:
                self._deliver(alone, own)

    def _deliver_in_slices(self, entry: Entry, outputs: Sequence[Array], values: int) -> None:
        def then(error: ServerError | None) -> None:
            if error is not None:
                self.refuse(entry, error)
            elif arrivals:
                self._metrics.written(entry.group.route_name, arrivals, self._now())
            self._delivered(values)

        arrivals = _arrivals([entry])
        self._values += values
        try:
            self._slices.add(entry, entry.group.deliver_in_slices(entry, outputs), then)
        except ServerError as refusal:
            then(refusal)

    def _delivered(self, values: int) -> None:
        was_full = self.full
        self._values -= values
        if was_full and not self.full:
            self._go_on()

    def _count(self, batch: Batch, started: float) -> None:
        """Counts the requests whose last rows are in this batch."""
        if batch.start is not None and batch.start + batch.rows < batch.entries[0].rows:
            return
        arrivals = [entry.arrived for entry in batch.entries if not entry.done]
        requests, arrived = len(arrivals), sum(arrivals)
        self._metrics.answered(requests, requests * self._now() - arrived, requests * started - arrived)

    def refuse(self, entry: Entry, error: ServerError) -> None:
        """Refuses an entry unless it is done, and counts it."""
        if fail(entry, error):
            self._metrics.failed(error.code, self._now() - entry.arrived)


def _arrivals(entries: Sequence[Entry]) -> list[float]:
    """When the requests were complete that are to be answered, but for those that the door times."""
    return [entry.arrived - entry.decode_seconds for entry in entries if not (entry.done or entry.timed_by_door)]


def _no_answer() -> ServerError:
    return ServerError("internal", "the answer could not be made; the server's log says why")


def fail(entry: Entry, error: ServerError) -> bool:
    """Refuses an entry unless it is done; returns whether it was. A client that cannot be told costs no other."""
    try:
        return entry.fail(error)
    except Exception:  # noqa: BLE001
        log.exception("a refusal could not be sent")
        return True
