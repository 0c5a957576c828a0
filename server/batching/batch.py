"""Owns which waiting entries form a batch, how their rows join and how the outputs are cut again. Pure: knows no clock.

An entry is one request while it waits. A batch is several whole entries; or the next piece of an entry that has more
rows than a batch may: such a request is served piece by piece, between the batches of others, and put together again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from server.artefact.tensors import Array, InputLayout, Part, cut, join
from server.codecs.json_columns import Lane
from server.codecs.v2.answer import Form, TensorLane
from server.codecs.v2.body import ALL_JSON, Reply, TensorHead
from server.errors import ServerError


class Timing(NamedTuple):
    """Where the time of an answered request went, in seconds; ``ended``: when its run did. ``rows``: of its batch."""

    queue: float
    run: float
    ended: float
    rows: int


class Entry:
    """One request while it waits: what it brings, and until when, in seconds of the monotonic clock.

    A door makes it and overrides `answer`, `reply` and `refuse`, of which exactly one is called, once, unless `done` is
    set before: a caller who has left is `done`. The endpoint fills it in. What most never change stands on the class.
    ``arrived``: when its body was there, of the monotonic clock in seconds; where answers tell timings, when it was
    read.
    """

    lane: Lane | TensorLane
    parts: tuple[Part, ...]
    rows: int
    single: bool  # of JSON rows: whether it was one bare row
    form: Form  # of tensors: how they shall come back
    reading = 0.0  # of tensors: seconds it took to read the body
    deadline: float
    arrived: float
    done = False
    head: TensorHead = ALL_JSON  # of tensors: what the headers say of the body
    taken = 0  # rows already given to a run, of an entry that is served in pieces
    pieces: list[Sequence[Array]] | None = None  # their outputs
    timing: Timing | None = None  # only where answers tell it

    def answer(self, body: bytes) -> None:
        """Takes the JSON of the prediction."""
        raise NotImplementedError

    def reply(self, reply: Reply) -> None:
        """Takes an answer of tensors instead."""
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


class Batch(NamedTuple):
    """What goes through one run: whole entries, or from row ``start`` on the next ``rows`` of a single large one."""

    entries: list[Entry]
    rows: int
    start: int | None = None


def take(queue: deque[Entry], max_rows: int, joinable: bool) -> Batch | None:
    """Takes the next batch off the queue: the oldest entry, and all after it of the same lane that still fit.

    Callers who left are dropped. Entries that do not fit or are of other lanes keep their places; a large one goes to
    the end after each piece. A model that is not ``joinable`` gets one whole entry: its rows must stay together.
    """
    first = _first_waiting(queue)
    if first is None:
        return None
    if not joinable:
        return Batch([first], first.rows)
    if first.rows > max_rows or first.taken:
        return _piece(queue, first, max_rows)
    entries, rows, lane = [first], first.rows, first.lane
    passed: list[Entry] = []
    while queue and rows < max_rows:
        entry = queue.popleft()
        if entry.done:
            continue
        if entry.lane is lane and rows + entry.rows <= max_rows and not entry.taken:
            entries.append(entry)
            rows += entry.rows
        else:
            passed.append(entry)
    if passed:
        queue.extendleft(reversed(passed))
    return Batch(entries, rows)


def _first_waiting(queue: deque[Entry]) -> Entry | None:
    while queue:
        entry = queue.popleft()
        if not entry.done:
            return entry
    return None


def _piece(queue: deque[Entry], entry: Entry, max_rows: int) -> Batch:
    start = entry.taken
    rows = min(entry.rows - start, max_rows)
    entry.taken += rows
    if entry.taken < entry.rows:
        queue.append(entry)
    return Batch([entry], rows, start)


def feed_of(layouts: Sequence[InputLayout], batch: Batch) -> dict[str, Array]:
    """The graph inputs for a batch: the parts of all its entries, joined row after row."""
    entries, rows, start = batch
    lane = entries[0].lane
    if isinstance(lane, TensorLane):
        return lane.feed([entry.parts for entry in entries], start, rows)
    if start is not None:
        parts = entries[0].parts
        return {
            layout.name: join(layout, [cut(layout, part, start, start + rows)])
            for layout, part in zip(layouts, parts, strict=True)
        }
    return {
        layout.name: join(layout, [entry.parts[index] for entry in entries]) for index, layout in enumerate(layouts)
    }


def reading_of(batch: Batch) -> float:
    """Seconds it took to read the requests of a batch; those of a large one count with its first piece."""
    return 0.0 if batch.start else sum(entry.reading for entry in batch.entries)


def check_rows(outputs: Sequence[Any], rows: int) -> None:
    """Raises ServerError ``model_error`` unless every output has as many rows as the model was given."""
    for output in outputs:
        if not isinstance(output, np.ndarray) or not output.ndim or len(output) != rows:
            raise ServerError("model_error", f"the model did not give one answer for each of {rows} rows")


def deliver(batch: Batch, outputs: Sequence[Array]) -> None:
    """Cuts the outputs of one run and answers every caller whose rows are complete."""
    entries = batch.entries
    if batch.start is not None:
        _collect(entries[0], outputs)
        return
    lane = entries[0].lane
    if isinstance(lane, TensorLane):
        _reply(entries, lane, outputs)
        return
    if len(entries) == 1 and not entries[0].single:
        _answer_whole(entries[0], lane, outputs)
        return
    columns = lane.encode(outputs)
    if batch.rows == len(entries):
        for row, (entry, body) in enumerate(zip(entries, lane.bodies(columns), strict=True)):
            if not entry.done:
                entry.done = True
                entry.answer(body if entry.single else lane.body_of(columns, row, row + 1))
        return
    row = 0
    for entry in entries:
        end = row + entry.rows
        if not entry.done:
            entry.done = True
            entry.answer(lane.body(columns, row) if entry.single else lane.body_of(columns, row, end))
        row = end


def _reply(entries: Sequence[Entry], lane: TensorLane, outputs: Sequence[Array]) -> None:
    row = 0
    for entry in entries:
        end = row + entry.rows
        if not entry.done:
            reply = lane.reply(outputs, row, end, entry.form)
            entry.done = True
            entry.reply(reply)
        row = end


def _collect(entry: Entry, outputs: Sequence[Array]) -> None:
    entry.pieces = [*(entry.pieces or ()), outputs]
    if sum(len(piece[0]) for piece in entry.pieces) < entry.rows or entry.done:
        return
    whole = [np.concatenate(pieces) for pieces in zip(*entry.pieces, strict=True)]
    lane = entry.lane
    if isinstance(lane, TensorLane):
        _reply([entry], lane, whole)
    else:
        _answer_whole(entry, lane, whole)


def _answer_whole(entry: Entry, lane: Lane, outputs: Sequence[Array]) -> None:
    if not entry.done:
        body = lane.whole(outputs)
        entry.done = True
        entry.answer(body)
