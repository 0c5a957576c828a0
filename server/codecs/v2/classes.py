"""Owns what `classification` answers: the best columns of each row, as texts. Knows no requests and no sessions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from math import prod

import numpy as np

from server.artefact.tensors import Array
from server.codecs.slices import Slices, ranges, rows_per_slice

ENCODED_ITEMS = 4096  # values that one slice encodes
SORTED_ITEMS = 16_384  # values that one slice sorts
MAX_CLASSES = SORTED_ITEMS  # of a row: what is merged is sorted again

Encode = Callable[[Array], bytes | memoryview]


def classify(
    output: Array, rows_first: bool, classes: int, labels: Sequence[str], encode: Encode
) -> Slices[tuple[tuple[int, ...], list[bytes | memoryview]]]:
    """The texts ``value:index[:label]`` of the best columns of each row, best first: their shape, and them encoded.

    NaN sorts last. Without rows a vector counts as one row, and the shape is ``[classes]``. ``encode`` gets a vector of
    some texts at a time: all of them would take five times the memory of what they are encoded to.
    """
    has_rows = rows_first or output.ndim > 1
    width = prod(output.shape[1:]) if has_rows else output.size
    rows = output.reshape(len(output) if has_rows else 1, width)
    count = min(classes, width, MAX_CLASSES)
    pieces: list[bytes | memoryview] = []
    for start, stop in ranges(len(rows), rows_per_slice(width)):
        part = rows[start:stop]
        best = _best_columns(part)[:, :count] if width <= SORTED_ITEMS else [(yield from _merged(part[0], count))]
        texts = _texts(part, best, labels)
        while chosen := list(islice(texts, ENCODED_ITEMS)):
            vector = np.empty(len(chosen), np.object_)
            vector[:] = chosen
            pieces.append(encode(vector))
            yield
        yield
    return (len(rows), count) if has_rows else (count,), pieces


def _texts(rows: Array, best: Array | Sequence[Array], labels: Sequence[str]) -> Iterator[str]:
    for values, columns in zip(rows, best, strict=True):
        for start, stop in ranges(len(columns), ENCODED_ITEMS):
            chosen = columns[start:stop]
            for value, column in zip(values[chosen].tolist(), chosen.tolist(), strict=True):
                number = f"{value:f}" if isinstance(value, float) else str(value)
                yield f"{number}:{column}:{labels[column]}" if column < len(labels) else f"{number}:{column}"


def _merged(row: Array, count: int) -> Slices[Array]:
    """The ``count`` best columns of a wide row, best first; runs of it are sorted one by one, and merged."""
    runs: list[Array] = []
    for start, stop in ranges(len(row), SORTED_ITEMS):
        runs.append(start + _best_columns(row[start:stop])[:count])
        yield
    while len(runs) > 1:
        pairs, runs = runs, []
        for at, _ in ranges(len(pairs), 2):
            columns = np.concatenate(pairs[at : at + 2])
            runs.append(columns[_best_columns(row[columns])[:count]])
            yield
    return runs[0]


def _best_columns(values: Array) -> Array:
    """The columns along the last axis, best first, and of equals the first first; NaN comes last."""
    keys = -values.astype(np.float64) if values.dtype.kind == "f" else np.bitwise_not(values)  # -min would overflow
    return np.argsort(keys, kind="stable")
