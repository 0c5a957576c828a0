"""Owns one run of a batch: its feed, its outcomes, its halves after a failure, and the thread for long ones.

Knows no event loop, no queue and no deadlines.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from typing import Protocol

from server.artefact.runtime import Feed
from server.artefact.tensors import Array
from server.batching.batch import Batch, check_rows, feed_of
from server.batching.entry import Entry
from server.confinement.memory import count_stacks
from server.errors import ServerError
from server.logs import log

Outcome = tuple[Batch, list[Array] | ServerError]
Timed = tuple[list[Outcome], float]


class Runs(Protocol):
    """What a batcher needs of a runtime."""

    @property
    def stopped(self) -> bool:
        """Whether `stop` was called after the last `resume`."""

    def run(self, outputs: Sequence[str], feed: Feed) -> list[Array]:
        """Runs the graph: returns one array per name in ``outputs``."""

    def stop(self) -> None:
        """Ends the run that goes on in another thread, if it can, and fails every later one until `resume`."""

    def resume(self) -> None:
        """Lets runs go on after a `stop`."""


def timed_run(runtime: Runs, batch: Batch, now: Callable[[], float], halve: bool = True) -> Timed:
    """Runs a batch in the calling thread: returns outcomes that cover every entry, and the seconds by ``now``.

    A batch of several entries that fails is bisected, so that only the failing entry is refused: up to twice as many
    runs as entries. Without ``halve`` there are no outcomes then.
    """
    began = now()
    outcomes = _run(runtime, batch, halve)
    return outcomes, now() - began


def _run(runtime: Runs, batch: Batch, halve: bool) -> list[Outcome]:
    try:
        group = batch.entries[0].group
        outputs = runtime.run(group.outputs, feed_of(batch))
        if group.rows_first:
            check_rows(outputs, batch.rows)
    except Exception as error:  # noqa: BLE001  ONNX Runtime raises a dozen unrelated types of its own
        if runtime.stopped:
            return [(batch, too_late())]
        if len(batch.entries) > 1:
            if not halve:
                return []
            middle = len(batch.entries) // 2
            return [
                *_run(runtime, _of(batch.entries[:middle]), halve),
                *_run(runtime, _of(batch.entries[middle:]), halve),
            ]
        if isinstance(error, ServerError):
            return [(batch, error)]
        log.warning("the model failed on a request: %s", error)
        return [(batch, ServerError("model_error", "the model could not predict this input"))]
    return [(batch, outputs)]


def _of(entries: list[Entry]) -> Batch:
    return Batch(entries, sum(entry.rows for entry in entries))


def was_stopped(outcomes: Sequence[Outcome]) -> bool:
    """Whether a run was stopped before it had all outcomes."""
    return any(isinstance(error, ServerError) and error.code == "deadline_exceeded" for _, error in outcomes)


def too_late() -> ServerError:
    """The error of a request that misses its deadline."""
    return ServerError("deadline_exceeded", "the request was not answered before its deadline")


class RunThread:
    """A thread that does one piece of work after another. It is a daemon: a run that never ends holds up no exit."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._work: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None

    def submit(self, work: Callable[[], None]) -> None:
        """Does this after what was submitted before. ``work`` raises nothing."""
        if self._thread is None:
            thread = threading.Thread(target=self._do_all, name=self._name, daemon=True)
            count_stacks(1)
            try:
                thread.start()  # raises where no more threads may be started: the next run tries again
            except RuntimeError:
                count_stacks(-1)
                raise
            self._thread = thread
        self._work.put(work)

    def close(self) -> None:
        """Ends the thread once what was submitted is done."""
        self._work.put(None)

    def _do_all(self) -> None:
        while (work := self._work.get()) is not None:
            work()
            del work  # or the requests of the last run, and the bytes counted for them, stay until the next
        count_stacks(-1)
