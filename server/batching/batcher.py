"""Owns the face of a model's batches: who may wait, how an entry joins, how all ends. Knows no HTTP.

What becomes of an entry that waits: see `dispatch`.
"""

from __future__ import annotations

from server.batching.admission import ENTRY_BYTES
from server.batching.answers import fail
from server.batching.dispatch import Dispatcher
from server.batching.entry import Entry
from server.batching.queue import NEVER
from server.errors import ServerError, draining


class Batcher(Dispatcher):
    """Admits and queues the requests of one model version in one worker."""

    @property
    def batches(self) -> bool:
        """Whether requests share runs: rows stand alone, and no run has shown otherwise."""
        return self._queue.row_independent

    @property
    def is_quarantined(self) -> bool:
        """Whether the version is refused for its runs."""
        return bool(self._held[0])

    @property
    def is_running(self) -> bool:
        """Whether a run goes on in the thread."""
        return self._run.batch is not None

    @property
    def waits(self) -> bool:
        """Whether a request waits for its run."""
        return bool(self._queue.rows)

    def queue_seconds(self) -> float:
        """Seconds that serving what waits is expected to take."""
        return self._admission.seconds_to_serve()

    # Admission

    def check_capacity(self, deadline: float = NEVER) -> None:
        """Raises ServerError for a request that would wait too long, and counts it.

        ``overloaded``: for the queue, or to be answered by its deadline; ``deadline_exceeded``; ``model_unavailable``.
        """
        if self._queue.rows > self._easy_rows:
            refusal = self._refusal(deadline)
            if refusal is not None:
                try:
                    raise refusal
                finally:
                    del refusal  # else this frame and the error hold each other, and the request, until a collection

    def _refusal(self, deadline: float) -> ServerError | None:
        """The error of a request that must not wait, counted; None for one that may."""
        error = self._admission.refusal(self.now(), deadline)
        if error is not None:
            self._deadlines.refused = True
            self.metrics.failed(error.code)
        return error

    def weigh(self, entry: Entry) -> ServerError | None:
        """Counts what a decoded entry takes; the error ``overloaded``, counted, where that is too much."""
        try:
            entry.weigh(ENTRY_BYTES + entry.group.request_bytes(entry))
        except ServerError as error:
            self.metrics.failed(error.code)
            return error
        return None

    def submit(self, entry: Entry) -> None:
        """Queues an entry, or refuses it as `check_capacity` does; it is answered at the end of this turn or later."""
        queue = self._queue
        if queue.rows > self._easy_rows and not self._closed:
            refusal = self._refusal(entry.deadline)
            if refusal is None and queue.rows > self.light_rows:
                refusal = self.weigh(entry)
            if refusal is not None:
                fail(entry, refusal)
                return
        queue.append(entry)
        if not self._scheduled and self._run.batch is None:
            self._scheduled = True
            if self._max_wait_seconds:
                self._wait_timer = self._loop.call_later(self._max_wait_seconds, self._turn, "wait")
                self._deadlines.look_later()
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
        self._run.close()
        self._refuse_all(draining())

    def abandon(self) -> None:
        """Closes, refuses the batch that runs as well, and stops its run."""
        self.close()
        if self._run.batch is not None:
            for entry in self._run.batch.entries:
                self._answers.refuse(entry, draining())
            self._run.stop(self.now())
