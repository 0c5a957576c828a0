"""Owns one request while it waits, and what batching asks of the codec that read it. Knows no protocol and no clock.

This is the seam between protocols and batching: a codec fills an `Entry` and gives it a `BatchGroup`; batching decides
which entries of a group share a run, and the group turns entries into graph inputs and outputs into answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from server.artefact.runtime import Feed
from server.artefact.tensors import Array
from server.errors import ServerError


class Timing(NamedTuple):
    """Where the time of an answered request went, in seconds; ``ended``: when its run did. ``rows``: of its batch."""

    queue: float
    run: float
    ended: float
    rows: int


class PiecedAnswer(NamedTuple):
    """An answer whose body comes in pieces, with a media type of its own and further headers, in order."""

    pieces: Sequence[bytes | memoryview]
    media_type: bytes
    headers: Sequence[tuple[bytes, bytes]]


class BatchGroup(Protocol):
    """What requests that may share a run have in common; two entries share one only if their group is one object."""

    outputs: tuple[str, ...]  # graph outputs to run, by name
    rows_first: bool  # every output has one row for each row that was asked
    counts_stages: bool  # its protocol's statistics tell how long reading and answering took

    def feed(self, entries: Sequence[Entry], start: int | None, rows: int) -> Feed:
        """Makes the graph inputs for ``rows`` rows: of all entries, or of the only one from row ``start`` on."""

    def deliver(self, entries: Sequence[Entry], outputs: Sequence[Array]) -> None:
        """Answers every entry that is not done from the outputs of their run, row after row in their order."""


class Entry:
    """One request while it waits: what it brings, and until when, in seconds of the monotonic clock.

    A door makes it and overrides `answer`, `answer_in_pieces` and `refuse`, of which exactly one is called, once,
    unless `done` is set before: an entry whose client has disconnected is `done`. A codec fills in ``group``,
    ``request`` and ``rows``. What most never change stands on the class. ``arrived``: when its body was there, of the
    monotonic clock in seconds; where stages are timed, when it was decoded.
    """

    group: BatchGroup
    rows: int
    request: Any = None  # the codec's own: what its headers say, then what its body says; nobody else reads it
    deadline: float
    arrived: float
    done = False
    decode_seconds = 0.0  # where stages are timed
    dispatched_rows = 0  # rows already given to a run, of an entry that is served in pieces
    piece_outputs: list[Sequence[Array]] | None = None  # of those runs
    timing: Timing | None = None  # only where answers tell it

    def answer(self, body: bytes) -> None:
        """Takes a whole answer in JSON."""
        raise NotImplementedError

    def answer_in_pieces(self, answer: PiecedAnswer) -> None:
        """Takes an answer with a media type and headers of its own instead."""
        raise NotImplementedError

    def refuse(self, error: ServerError) -> None:
        """Takes the error instead."""
        raise NotImplementedError

    def fail(self, error: ServerError) -> bool:
        """Refuses the entry unless it is done; tells whether it was not."""
        if self.done:
            return False
        self.done = True
        self.refuse(error)
        return True
