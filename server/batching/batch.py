"""Owns a batch: its feed, and the answers of its entries once their rows are complete. Pure: knows no clock.

A batch is several whole entries, or the next piece of one entry that has more rows than a run may have: such an entry
is served piece by piece, between the batches of others, and the outputs of its runs are concatenated.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from server.artefact.runtime import Feed
from server.artefact.tensors import Array
from server.batching.entry import Entry
from server.errors import ServerError


class Batch(NamedTuple):
    """What goes through one run: whole entries, or ``rows`` rows of a single large entry from row ``start`` on."""

    entries: list[Entry]
    rows: int
    start: int | None = None


def feed_of(batch: Batch) -> Feed:
    """Makes the graph inputs of a batch."""
    entries, rows, start = batch
    return entries[0].group.feed(entries, start, rows)


def decode_seconds_of(batch: Batch) -> float:
    """Seconds spent on decoding the entries of a batch; a large entry counts with its first piece."""
    return 0.0 if batch.start else sum([entry.decode_seconds for entry in batch.entries])


def check_rows(outputs: Sequence[Any], rows: int) -> None:
    """Raises ServerError ``model_error`` unless every output is an array of ``rows`` rows."""
    for output in outputs:
        if not isinstance(output, np.ndarray) or not output.ndim or len(output) != rows:
            raise ServerError("model_error", f"the model did not give one answer for each of {rows} rows")


def whole_answers(batch: Batch, outputs: Sequence[Array]) -> tuple[Batch, Sequence[Array]] | None:
    """The batch and outputs to answer: of a large entry all its rows, or None until they are complete."""
    if batch.start is None:
        return batch, outputs
    entry = batch.entries[0]
    entry.piece_outputs = [*(entry.piece_outputs or ()), outputs]
    if sum(len(piece[0]) for piece in entry.piece_outputs) < entry.rows or entry.done:
        return None
    whole = [np.concatenate(pieces) for pieces in zip(*entry.piece_outputs, strict=True)]
    entry.piece_outputs = None
    return Batch([entry], entry.rows), whole


def deliver(batch: Batch, outputs: Sequence[Array]) -> None:
    """Answers the entries of a batch of whole entries. ``outputs``: of its run, ``[rows, ...]`` each."""
    batch.entries[0].group.deliver(batch.entries, outputs)


def shares(batch: Batch, outputs: Sequence[Array], rows: int) -> Iterator[tuple[Batch, Sequence[Array]]]:
    """Cuts a batch of several entries into ones of some ``rows`` rows, with their outputs."""
    entries: list[Entry] = []
    start = stop = 0
    for entry in batch.entries:
        if entries and stop + entry.rows - start > rows:
            yield Batch(entries, stop - start), [output[start:stop] for output in outputs]
            entries, start = [], stop
        entries.append(entry)
        stop += entry.rows
    yield Batch(entries, stop - start), [output[start:stop] for output in outputs]
