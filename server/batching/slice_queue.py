"""Owns the order of long work, such as reading a large body: one at a time, as long as `Turns` lets it.

Knows neither what the work is nor any protocol. docs/decisions.md: "What is legal and heavy is read in slices".
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator

from server.batching.entry import Entry
from server.batching.turns import Turns
from server.errors import ServerError, draining, overloaded
from server.logs import log

LEARNED_SHARE = 0.2  # of a new measurement in what one entry is expected to take

Slices = Generator[None, None, None]
Then = Callable[[ServerError | None], None]


class _Job:
    """The work for one entry. ``seconds``: spent on it; ``ended``: the entry was told, and only values are let go."""

    __slots__ = ("ended", "entry", "seconds", "slices", "then")

    def __init__(self, entry: Entry, slices: Slices, then: Then) -> None:
        self.entry = entry
        self.slices = slices
        self.then = then
        self.seconds = 0.0
        self.ended = False


class SliceQueue:
    """Entries with work to do, in order. ``max_seconds``: of work that may wait."""

    def __init__(self, max_seconds: float, turns: Turns) -> None:
        self._max_seconds = max_seconds
        self._turns = turns
        self._jobs: deque[_Job] = deque()
        self._expected_seconds = 0.0  # for one entry
        self._active = False
        self._closed = False

    def add(self, entry: Entry, slices: Slices, then: Then) -> None:
        """Does the slices for an entry, then calls ``then`` with their error; at once where there is time.

        An entry that is done or past its deadline meanwhile is given up. Raises ServerError: ``overloaded``,
        ``draining``.
        """
        if self._closed:
            raise draining()
        if (seconds := len(self._jobs) * self._expected_seconds) > self._max_seconds:
            raise overloaded(seconds)
        self._jobs.append(_Job(entry, slices, then))
        if not self._active:
            self._active = True
            self._turns.begin(self)

    def close(self) -> None:
        """Refuses what waits and what comes."""
        self._closed = True
        jobs, self._jobs = self._jobs, deque()
        for job in jobs:
            _end(job, draining())

    def work_on(self, until: float) -> bool:
        """Does slices until a time; returns whether there are more."""
        now = self._turns.now()
        while self._jobs and now < until:
            job = self._jobs[0]
            if _goes_on(job, now):
                job.seconds += self._turns.now() - now
            elif self._jobs:
                self._jobs.popleft()
                self._expected_seconds += LEARNED_SHARE * (job.seconds - self._expected_seconds)
            now = self._turns.now()
        self._active = bool(self._jobs)
        return self._active


def add_in_two(
    first: SliceQueue, second: SliceQueue, entry: Entry, begin: Callable[[], Slices | None], then: Then
) -> None:
    """Begins in one queue what takes a slice there or, where it gives more of them, goes on in the other.

    Raises as `SliceQueue.add`.
    """
    rest: list[Slices] = []

    def beginning() -> Slices:
        yield from ()
        if (slices := begin()) is not None:
            rest.append(slices)

    def go_on(error: ServerError | None) -> None:
        if error is None and rest:
            try:
                second.add(entry, rest.pop(), then)
                return
            except ServerError as refusal:
                error = refusal
        then(error)

    first.add(entry, beginning(), go_on)


def _goes_on(job: _Job, now: float) -> bool:
    """Does one slice; returns whether there are more. Tells the entry when it is decoded or refused."""
    entry = job.entry
    try:
        if not job.ended and (entry.done or entry.deadline <= now):
            error = ServerError("deadline_exceeded", "the request was not answered before its deadline")
            _end(job, error)
            job.slices.throw(error)  # lets go of its values, in slices too
        else:
            next(job.slices)
    except StopIteration:
        _end(job, None)
    except ServerError as error:
        _end(job, error)
    except Exception:  # noqa: BLE001  an entry is never left without an answer
        log.exception("a request could not be read or answered")
        _end(job, ServerError("internal", "the server failed on this request; its log says why"))
    else:
        return True
    return False


def _end(job: _Job, error: ServerError | None) -> None:
    if not job.ended:
        job.ended = True
        job.then(error)
