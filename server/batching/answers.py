"""Owns how entries get their answers, or an error: whole, in slices or one by one, and counted. Knows no queue."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from server.artefact.tensors import Array
from server.batching.batch import Batch, deliver, shares, whole_answers
from server.batching.entry import Entry
from server.batching.slice_queue import SliceQueue
from server.errors import ServerError
from server.logs import log
from server.metrics.scoreboard import ModelMetrics

# docs/decisions.md: "What is legal and heavy is read in slices"
ANSWER_VALUES = 16_384  # of outputs; answers of more are encoded in slices


class Answers:
    """Answers and refuses the entries of one model version. ``now``: the monotonic clock."""

    def __init__(self, name: str, metrics: ModelMetrics, now: Callable[[], float]) -> None:
        self._name = name
        self._metrics = metrics
        self._now = now
        self._loop = asyncio.get_running_loop()
        self._slices = SliceQueue(float("inf"), now)

    def answer(self, batch: Batch, outputs: list[Array] | ServerError, started: float) -> None:
        """Answers the entries whose rows are complete with the outputs of a run begun at ``started``, or its error."""
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
            log.exception("a batch could not be answered", extra={"model": self._name})
        else:
            return
        if len(batch.entries) == 1:
            self.refuse(batch.entries[0], _no_answer())
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
            self._slices.add(
                entry, entry.group.deliver_in_slices(entry, outputs), lambda error: self._answered(entry, error)
            )

    def _answered(self, entry: Entry, error: ServerError | None) -> None:
        if error is not None:
            self.refuse(entry, error)

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


def _no_answer() -> ServerError:
    return ServerError("internal", "the answer could not be made; the server's log says why")


def fail(entry: Entry, error: ServerError) -> bool:
    """Refuses an entry unless it is done; returns whether it was. A client that cannot be told costs no other."""
    try:
        return entry.fail(error)
    except Exception:  # noqa: BLE001
        log.exception("a refusal could not be sent")
        return True
