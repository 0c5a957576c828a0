"""Owns the questions of one model version: answers those that were answered before, joins those that are under way.

Knows no protocol: groups say which questions are equal, and repeat an answer to who asks again. What is answered
from here is counted with the requests; it is no row and no run.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from time import monotonic
from weakref import ref

from server.batching.answers import fail
from server.batching.batcher import Batcher
from server.batching.entry import Entry, PiecedAnswer, Timing
from server.caching.flight import Answered, Flight
from server.caching.store import MOST_USES, Kept, Shelf, Store
from server.caching.worth import REQUEST_SECONDS, Worth
from server.errors import ServerError
from server.metrics.families import RouteName

MOST_ANSWER_BYTES = 65_536  # a larger answer is made anew each time


class Cache:
    """What is kept of one version and what is under way, in this worker. ``store``: None to keep nothing.

    ``looks``: whether questions are looked for now. While not, who has one counts ``rest`` down instead, and calls
    `rested` at 0.
    """

    def __init__(
        self, batcher: Batcher, store: Store | None, worth: Worth, *, timed: bool, now: Callable[[], float] = monotonic
    ) -> None:
        self.now = now
        self.worth = worth
        self.looks = worth.looks
        self._batcher = batcher
        self._metrics = batcher.metrics
        self._store = store
        self._timed = timed
        # Of this version alone, so that no other's answer can be found; and apart, as a body may look like a question.
        self._answers: Shelf = {}  # by question
        self._bodies: Shelf = {}  # by body
        # Batching alone keeps a flight: once it lets go of one that all have left, so do we, and of what that holds.
        self._flights: dict[bytes, ref[Flight]] = {}
        self.rest = worth.rest
        self._counting = False  # what follows is counted at the end of this turn of the loop
        self._hits = self._misses = self._rows = self._answered = 0
        self._hit_seconds = self._miss_seconds = self._answered_seconds = 0.0
        self._waiting = 0  # for the row of another
        self._arrivals: dict[RouteName, list[float]] = {}  # of those that were answered from here

    def rested(self) -> None:
        """Looks for questions again, where it may pay."""
        self.worth.rested()
        self.looks, self.rest = self.worth.looks, self.worth.rest

    def recall(self, entry: Entry, body: bytes) -> bool:
        """Answers an entry whose whole body was asked before; returns whether it was. Nothing is decoded for it."""
        kept = self._bodies.get(body)
        if kept is None:
            return False
        now = self.now()
        if entry.deadline <= now or self._batcher.is_quarantined:
            return False  # goes on to be refused
        self._answer(entry, kept, now - entry.arrived, now, "predict")
        entry.answer(kept.answer)
        return True

    def ask(self, entry: Entry, body: bytes | None) -> None:
        """Answers a decoded entry, lets it join an equal one, or hands it to batching.

        ``body``: if given, the whole of what was asked: whoever sends it again is answered by `recall`.
        """
        began = self.now()
        question = entry.group.question(entry)
        if question is None or entry.deadline <= began or self._batcher.is_quarantined:
            self._batcher.submit(entry)
            return
        kept = self._answers.get(question)
        if kept is not None:
            now = self.now()
            self._answer(entry, kept, now - began, now, entry.group.route_name)
            if body is not None and self._store is not None and isinstance(kept.answer, bytes):
                self._store.put(self._bodies, body, kept.answer, len(body) + len(kept.answer))
            entry.group.repeat(entry, kept.answer)
            return
        under_way = self._flights.get(question)
        flight = under_way() if under_way is not None else None
        if flight is not None and flight.boards(began):
            if self._waiting > self._batcher.light_rows and (refusal := self._batcher.weigh(entry)) is not None:
                fail(entry, refusal)
                return
            flight.join(entry)
            self._hits += 1
            self._hit_seconds += self.now() - began
        else:
            self._take_off(entry, question)
            self._misses += 1
            self._rows += entry.rows
            self._miss_seconds += self.now() - began
        self._count_later()

    def _answer(self, entry: Entry, kept: Kept, seconds: float, now: float, route_name: RouteName) -> None:
        """Notes that an entry is about to be answered with what is kept, which took so long to find."""
        if kept.uses < MOST_USES:
            kept.uses += 1
        entry.done = True
        if self._timed:
            entry.timing = Timing(0.0, 0.0, now, 0, hit=True)
        self._hits += 1
        self._hit_seconds += seconds
        self._answered += 1
        self._answered_seconds += now - entry.arrived
        self._time(entry, route_name)
        if not self._counting:
            self._count_later()

    def _take_off(self, entry: Entry, question: bytes) -> None:
        flight = Flight(entry, question, self)
        self._flights[question] = ref(flight)
        self._batcher.submit(flight)

    # What flights tell

    def landed(self, flight: Flight, answer: Answered | None) -> None:
        """Keeps the answer of a flight, and lets nobody join it any more."""
        self.gone(flight)
        if answer is None or self._store is None:
            return
        began = self.now()
        size = len(answer) if isinstance(answer, bytes) else sum(map(len, answer.pieces))
        if size <= MOST_ANSWER_BYTES:
            self._store.put(self._answers, flight.question, _alone(answer), len(flight.question) + size)
        self._miss_seconds += self.now() - began
        self._count_later()

    def gone(self, flight: Flight) -> None:
        """Forgets a flight with its callers, and its question, if no other has it by now."""
        self.joined(-flight.joined)
        kept = self._flights.pop(flight.question, None)
        if kept is not None and (other := kept()) is not flight and other is not None:
            self._flights[flight.question] = kept

    def joined(self, callers: int) -> None:
        """Counts requests that wait for the row of another, below 0: that do no longer."""
        self._waiting += callers
        self._metrics.join(callers)

    def queue_seconds(self) -> float:
        """Seconds that answering those who wait for the row of another is expected to take."""
        return self._waiting * REQUEST_SECONDS

    def answered(self, callers: Sequence[Entry], now: float) -> None:
        """Counts requests that another's row answers."""
        self._answered += len(callers)
        self._answered_seconds += sum([now - caller.arrived for caller in callers])
        for caller in callers:
            self._time(caller, caller.group.route_name)
        self._count_later()

    def failed(self, error: ServerError, seconds: float) -> None:
        """Counts a request that was refused while it waited for another's row."""
        self._metrics.failed(error.code, seconds)

    # Counting

    def _time(self, entry: Entry, route_name: RouteName) -> None:
        """Has it counted at the end of this turn how long an entry took."""
        if not entry.timed_by_door:
            self._arrivals.setdefault(route_name, []).append(entry.arrived - entry.decode_seconds)

    def _count_later(self) -> None:
        if not self._counting:
            self._counting = True
            asyncio.get_running_loop().call_soon(self._count)

    def _count(self) -> None:
        self._counting = False
        hits, misses = self._hits, self._misses
        self._metrics.looked(hits, self._hit_seconds, misses, self._miss_seconds)
        if self._answered:
            self._metrics.answered(self._answered, self._answered_seconds, 0.0)
        for route_name, arrivals in self._arrivals.items():
            self._metrics.written(route_name, arrivals, self.now())
        self._arrivals = {}
        self.worth.count(hits, misses, self._rows)
        if not self.worth.looks:
            self.looks, self.rest = False, self.worth.rest
        self._hits = self._misses = self._rows = self._answered = 0
        self._hit_seconds = self._miss_seconds = self._answered_seconds = 0.0


def _alone(answer: Answered) -> Answered:
    """An answer that keeps nothing else in memory: pieces may be views of a whole batch."""
    if isinstance(answer, bytes):
        return answer
    return PiecedAnswer([b"".join(answer.pieces)], answer.media_type, answer.headers)
