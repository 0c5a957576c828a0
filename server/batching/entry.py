"""Owns the seam between protocols and batching: the entry, and what batching needs of its group. Knows no protocol.

A codec fills an `Entry` and gives it a `BatchGroup`. Batching decides which entries of a group share a run. The group
turns entries into graph inputs, and outputs into answers.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any, NamedTuple, Protocol

from server.artefact.runtime import Feed
from server.artefact.tensors import Array
from server.errors import ServerError
from server.metrics.families import RouteName


class Timing(NamedTuple):
    """Seconds in the queue and in the run; ``ended``: monotonic time of the run's end; ``rows``: of its batch.

    ``hit``: the answer is that to an equal question; 0 rows where that had been made before.
    """

    queue: float
    run: float
    ended: float
    rows: int
    hit: bool = False


class PiecedAnswer(NamedTuple):
    """An answer whose body is in pieces, with its own media type and further headers, in order."""

    pieces: Sequence[bytes | memoryview]
    media_type: bytes
    headers: Sequence[tuple[bytes, bytes]]


class BatchGroup(Protocol):
    """The requests that may share a run: two entries share one only if their group is the same object."""

    outputs: tuple[str, ...]  # names of the graph outputs that a run computes
    rows_first: bool  # every output has as many rows as the run, else an error
    route_name: RouteName  # of the protocol, in metrics
    counts_stages: bool  # the protocol's statistics have the seconds of decoding and answering

    def feed(self, entries: Sequence[Entry], start: int | None, rows: int) -> Feed:
        """Makes the graph inputs, ``rows`` rows each: of all entries, or of the only entry from row ``start`` on."""

    def deliver(self, entries: Sequence[Entry], outputs: Sequence[Array]) -> None:
        """Answers every entry that is not done. ``outputs``: of their run, with the entries' rows in order."""

    def deliver_in_slices(self, entry: Entry, outputs: Sequence[Array]) -> Generator[None, None, None]:
        """Answers one entry that is not done with outputs of many values, a little at a time."""

    def question(self, entry: Entry) -> bytes | None:
        """What the answer depends on, but for what `repeat` adds; None where it is too long to be compared.

        Two entries of a model version, of whatever groups, with equal questions have the same answer, to the byte.
        """

    def request_bytes(self, entry: Entry) -> int:
        """Bytes of memory that the ``request`` of an entry takes."""

    def request_for_all(self, entry: Entry) -> Any:
        """The ``request`` with which an answer is made that `repeat` can give to all who ask the same."""

    def repeat(self, entry: Entry, answer: bytes | PiecedAnswer) -> None:
        """Answers an entry, which the caller marks done, with what an equal question was answered."""


class Entry:
    """A request while it waits. ``deadline``, ``arrived``: seconds of the monotonic clock.

    A door makes it and overrides `answer`, `answer_in_pieces` and `refuse`. Exactly one of them is called, once, unless
    ``done`` is set before: the door sets it when the client disconnects. A codec sets ``group``, ``request`` and
    ``rows``. ``arrived`` is when the body was complete; where stages are timed, when it was decoded. Defaults stand on
    the class, as most entries keep them, but for what each request sets: CPython finds an attribute slowly that its
    class has too.
    """

    group: BatchGroup
    rows: int
    request: Any  # for its codec and group alone: None, then what `Codec.read_headers` returned, then the decoded body
    deadline: float
    arrived: float
    done: bool
    timed_by_door = False  # the door counts how long it took; else the batch does, as soon as it is answered
    no_store = False  # the client wants a run of its own, and that nothing of it is kept
    decode_seconds = 0.0  # where stages are timed
    dispatched_rows = 0  # of a large entry: rows already in a run
    piece_outputs: list[Sequence[Array]] | None = None  # of a large entry: the outputs of its runs so far
    timing: Timing | None = None  # set where answers have Server-Timing
    ticket = 0  # its place among those that wait
    waiting_rows = 0  # rows that the queue still counts
    plan: Any = None  # the queue's, while it waits

    def __init__(self) -> None:
        self.request = None
        self.done = False

    def hold(self, size: int) -> None:
        """Counts ``size`` more bytes that a codec unpacked for this request, until it is done.

        A door that bounds what is in flight raises ServerError ``overloaded``; this one bounds nothing.
        """

    def weigh(self, size: int) -> None:
        """Counts what of all that the request takes, ``size`` bytes, was not counted yet. Raises as `hold`."""
        self.hold(size)

    def answer(self, body: bytes) -> None:
        """Sends a whole answer, in JSON."""
        raise NotImplementedError

    def answer_in_pieces(self, answer: PiecedAnswer) -> None:
        """Sends an answer with its own media type and headers instead."""
        raise NotImplementedError

    def refuse(self, error: ServerError) -> None:
        """Sends the error instead."""
        raise NotImplementedError

    def fail(self, error: ServerError) -> bool:
        """Refuses the entry and marks it done, unless it is done; returns whether it was refused."""
        if self.done:
            return False
        self.done = True
        self.refuse(error)
        return True
