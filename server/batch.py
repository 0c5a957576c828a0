"""Owns which waiting entries form a batch, how their rows join and how the outputs are cut again. Pure: knows no clock.

An entry belongs to one request. A slice is the rows ``start`` to ``stop`` of an entry that take part in a batch; a
request larger than a batch may be is served in several slices and put together again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from server.codecs.answers import Lane
from server.codecs.tensors import Array, InputLayout, Part, cut, join
from server.errors import ServerError

Reply = Callable[[bytes | ServerError], None]


class Timing(NamedTuple):
    """Where the time of an answered request went, in seconds; ``ended``: when its run did. ``rows``: of its batch."""

    queue: float
    run: float
    ended: float
    rows: int


class Entry:
    """One request while it waits: its parts, how to answer it, and until when, in seconds of the monotonic clock."""

    __slots__ = ("arrived", "deadline", "done", "lane", "parts", "pieces", "reply", "rows", "single", "taken", "timing")

    def __init__(
        self,
        lane: Lane,
        parts: tuple[Part, ...],
        rows: int,
        single: bool,
        reply: Reply,
        arrived: float,
        deadline: float,
    ) -> None:
        self.lane = lane
        self.parts = parts
        self.rows = rows
        self.single = single
        self.reply = reply
        self.arrived = arrived
        self.deadline = deadline
        self.taken = 0  # rows already given to a run
        self.pieces: list[list[Array]] = []  # outputs of the slices that have run, where there are several
        self.done = False  # answered, or its caller has left
        self.timing: Timing | None = None  # only where answers tell it

    def finish(self, answer: bytes | ServerError) -> None:
        """Answers the caller, once; an entry that is done already is left alone."""
        if not self.done:
            self.done = True
            self.reply(answer)


class Slice(NamedTuple):
    """The rows ``start`` to ``stop`` of an entry, as part of a batch."""

    entry: Entry
    start: int
    stop: int

    @property
    def rows(self) -> int:
        """How many rows it has."""
        return self.stop - self.start


def take(queue: deque[Entry], max_rows: int, joinable: bool) -> list[Slice]:
    """Takes the next batch off the queue: the oldest entry, and all after it of the same lane that still fit.

    Callers who left are dropped. Entries of other lanes keep their places. An entry with more rows than fit gives a
    slice and goes to the end of the queue, so that small requests pass between the runs of a large one. A model that
    is not ``joinable`` gets one whole entry, whatever its size: its rows must stay together.
    """
    batch: list[Slice] = []
    room = max_rows
    passed: list[Entry] = []
    split: Entry | None = None
    while queue and room > 0:
        entry = queue.popleft()
        if entry.done:
            continue
        if not joinable:
            return [Slice(entry, 0, entry.rows)]
        left = entry.rows - entry.taken
        if batch and (entry.lane is not batch[0].entry.lane or left > room):
            passed.append(entry)
            continue
        start, stop = entry.taken, entry.taken + min(left, room)
        batch.append(Slice(entry, start, stop))
        entry.taken = stop
        room -= stop - start
        if stop < entry.rows:
            split = entry
    queue.extendleft(reversed(passed))
    if split is not None:
        queue.append(split)
    return batch


def feed_of(layouts: Sequence[InputLayout], batch: Sequence[Slice]) -> dict[str, Array]:
    """The graph inputs for a batch: the parts of all its slices, joined row after row."""
    return {
        layout.name: join(layout, [_part(layout, index, piece) for piece in batch])
        for index, layout in enumerate(layouts)
    }


def _part(layout: InputLayout, index: int, piece: Slice) -> Part:
    part = piece.entry.parts[index]
    return part if piece.rows == piece.entry.rows else cut(layout, part, piece.start, piece.stop)


def check_rows(outputs: Sequence[Any], rows: int) -> None:
    """Raises ServerError ``model_error`` unless every output has as many rows as the model was given."""
    for output in outputs:
        if not isinstance(output, np.ndarray) or not output.ndim or len(output) != rows:
            raise ServerError("model_error", f"the model did not give one answer for each of {rows} rows")


def deliver(batch: Sequence[Slice], outputs: Sequence[Array]) -> None:
    """Cuts the outputs of one run and answers every caller whose rows are complete."""
    lane = batch[0].entry.lane
    columns = None
    row = 0
    for piece in batch:
        entry, rows = piece.entry, piece.rows
        if rows == entry.rows:
            if columns is None:
                columns = lane.encode(outputs)
            if not entry.done:
                entry.finish(lane.answer(columns, row, row + rows, entry.single))
        else:
            _collect(entry, [output[row : row + rows] for output in outputs])
        row += rows


def _collect(entry: Entry, outputs: list[Array]) -> None:
    entry.pieces.append(outputs)
    if sum(len(piece[0]) for piece in entry.pieces) < entry.rows:
        return
    whole = [np.concatenate(pieces) for pieces in zip(*entry.pieces, strict=True)]
    entry.finish(entry.lane.answer(entry.lane.encode(whole), 0, entry.rows, entry.single))
