"""Owns one row with many callers: equal questions that are on their way at the same time. Knows no protocol.

To batching a flight is one entry, which waits for as long as its most patient caller. Each caller has its own deadline,
may leave by itself, and gets the answer or the error under its own name. docs/decisions.md: "Equal questions fly once".
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

from server.batching.entry import Entry, PiecedAnswer
from server.batching.runs.run import too_late
from server.errors import ServerError
from server.logs import log

TOLD_BYTES = 262_144  # of answers that callers are given in one turn of the loop
SPARE_CALLERS = 64  # beyond these and as many as wait, those that have left are let go

Answered = bytes | PiecedAnswer


class Landing(Protocol):
    """Who is told of a flight's end. Seconds are of the monotonic clock."""

    now: Callable[[], float]

    def landed(self, flight: Flight, answer: Answered | None) -> None:
        """The flight takes no more callers; ``answer``: None for an error."""

    def gone(self, flight: Flight) -> None:
        """The flight is let go; it may have landed before."""

    def joined(self, callers: int) -> None:
        """So many more wait beside the one that batching counts; below 0: fewer."""

    def answered(self, callers: Sequence[Entry], now: float) -> None:
        """Counts callers that are about to be answered, beside the one that batching counts."""

    def failed(self, error: ServerError, seconds: float) -> None:
        """Counts a request that was refused, beside the one that batching counts."""


class Flight(Entry):
    """The entry of some equal questions; ``first``: the one that was decoded for it, with all that it holds."""

    _most_callers = SPARE_CALLERS
    _ended = False
    _watch: asyncio.TimerHandle | None = None  # until the first deadline of several
    _watched = 0.0  # that deadline

    def __init__(self, first: Entry, question: bytes, to: Landing) -> None:
        """``question``: what they are equal by."""
        super().__init__()
        self.question = question
        self.group = group = first.group
        self.rows = first.rows
        self.request = group.request_for_all(first)
        self.deadline = self._boards_until = first.deadline
        self.arrived = first.arrived
        self.timed_by_door = first.timed_by_door
        if first.decode_seconds:
            self.decode_seconds = first.decode_seconds
        self._first = first
        self._callers = [first]
        self._to = to

    def __del__(self) -> None:
        if not self._ended:  # all have left, and batching has let go of it
            self._to.gone(self)

    @property
    def joined(self) -> int:
        """How many callers there are beside the one that batching counts."""
        return len(self._callers) - 1

    @property
    def done(self) -> bool:
        """Whether nobody waits for it any more."""
        callers = self._callers
        if self._ended or len(callers) == 1:
            return self._ended or callers[0].done
        return all(caller.done for caller in callers)

    @done.setter
    def done(self, ended: bool) -> None:
        self._ended = ended

    def boards(self, now: float) -> bool:
        """Whether another caller may join: a run that outlasts the first deadline is kept going by nobody new."""
        return now < self._boards_until and not self.done

    def join(self, caller: Entry) -> None:
        """Adds a caller with an equal question, while it `boards`."""
        before = self.joined
        if len(self._callers) >= self._most_callers:
            self._callers = self._waiting()
            self._most_callers = 2 * len(self._callers) + SPARE_CALLERS
        self._callers.append(caller)
        self._to.joined(self.joined - before)
        self.deadline = max(self.deadline, caller.deadline)
        if self._watch is not None and caller.deadline < self._watched:
            self._watch.cancel()
            self._watch = None
        if self._watch is None:
            self._watch_deadlines()

    def hold(self, size: int) -> None:
        self._first.hold(size)

    def weigh(self, size: int) -> None:
        self._first.weigh(size)

    def answer(self, body: bytes) -> None:
        self._land(body, len(body))

    def answer_in_pieces(self, answer: PiecedAnswer) -> None:
        self._land(answer, sum(map(len, answer.pieces)))

    def refuse(self, error: ServerError) -> None:
        callers = self._end(None)
        if callers:
            now = self._to.now()
            for caller in callers[1:]:
                self._to.failed(error, now - caller.arrived)
        for caller in callers:
            _fail(caller, error)

    def _land(self, answer: Answered, size: int) -> None:
        callers = self._end(answer)
        if len(callers) > 1:
            now = self._to.now()
            self._to.answered(callers[1:], now)
        self._tell(callers, answer, max(1, TOLD_BYTES // max(size, 1)))

    def _end(self, answer: Answered | None) -> list[Entry]:
        """Ends the flight; returns the callers that still wait."""
        self._ended = True
        if self._watch is not None:
            self._watch.cancel()
        self._to.landed(self, answer)
        return self._waiting()

    def _waiting(self) -> list[Entry]:
        return [caller for caller in self._callers if not caller.done]

    def _tell(self, callers: list[Entry], answer: Answered, at_once: int) -> None:
        """Answers the callers, so many in one turn of the loop."""
        for caller in callers[:at_once]:
            if caller.done:
                continue
            caller.done = True
            if self.timing is not None:
                caller.timing = self.timing._replace(hit=caller is not self._first)
            try:
                self.group.repeat(caller, answer)
            except Exception:  # noqa: BLE001  a caller that cannot be told costs no other
                log.exception("an answer could not be given")
                caller.refuse(ServerError("internal", "the answer could not be made; the server's log says why"))
        if len(callers) > at_once:
            asyncio.get_running_loop().call_soon(self._tell, callers[at_once:], answer, at_once)

    def _watch_deadlines(self) -> None:
        """Looks again when the first deadline passes, unless it is the last: that one batching watches."""
        self._watch = None
        first = min([caller.deadline for caller in self._callers if not caller.done], default=self.deadline)
        if first < self.deadline:
            self._watched = first
            delay = max(first - self._to.now(), 0.0)
            self._watch = asyncio.get_running_loop().call_later(delay, self._expire)

    def _expire(self) -> None:
        now = self._to.now()
        for caller in self._callers:
            if caller.deadline <= now and caller.deadline < self.deadline and not caller.done:
                self._to.failed(too_late(), now - caller.arrived)
                _fail(caller, too_late())
        before, self._callers = self.joined, self._waiting()
        self._to.joined(self.joined - before)
        self._watch_deadlines()


def _fail(caller: Entry, error: ServerError) -> None:
    try:
        caller.fail(error)
    except Exception:  # noqa: BLE001  as in `Flight._tell`
        log.exception("a refusal could not be sent")
