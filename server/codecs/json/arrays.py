"""Owns numbers and texts of output arrays as JSON, whole, row by row or in slices. Knows no answers."""

from __future__ import annotations

import numpy as np
import orjson

from server.artefact.tensors import Array
from server.codecs.slices import SLICE_ITEMS, Slices, ranges, rows_per_slice

HALF_BYTES = 2

Column = list[bytes]  # the JSON of each row


def dumped_in_slices(array: Array) -> Slices[list[bytes]]:
    """An array as JSON in pieces, nested as its shape; numbers as in `numbers`."""
    if array.size <= SLICE_ITEMS:
        return [dumped(array)]
    pieces: list[bytes] = []
    width = array.size // len(array)
    for start, stop in ranges(len(array), rows_per_slice(width)):
        pieces.append(b",")
        if width > SLICE_ITEMS:
            pieces += yield from dumped_in_slices(array[start])
        else:
            pieces.append(dumped(array[start:stop])[1:-1])
            yield
    return [b"[", *pieces[1:], b"]"]


def numbers(array: Array) -> list[bytes]:
    """Each element as JSON: numbers in the shortest form that reads back the same, NaN and infinities as null."""
    if not array.size:
        return []
    if array.dtype.kind == "O":
        return [orjson.dumps(text) for text in array.reshape(-1).tolist()]
    flat = np.ascontiguousarray(array).reshape(-1)
    if flat.itemsize == HALF_BYTES and flat.dtype.kind == "f":
        flat = flat.astype(np.float32)
    return orjson.dumps(flat, option=orjson.OPT_SERIALIZE_NUMPY)[1:-1].split(b",")


def dumped(array: Array) -> bytes:
    """An array as JSON, nested as its shape; numbers as in `numbers`."""
    if array.dtype.kind == "O":
        return orjson.dumps(array.tolist())
    return orjson.dumps(_plain(array), option=orjson.OPT_SERIALIZE_NUMPY)


def _plain(array: Array) -> Array:
    """An array as the JSON encoder takes it."""
    return array.astype(np.float32) if array.dtype == np.float16 else np.ascontiguousarray(array)


def rows_of(array: Array) -> Column:
    """One JSON value per row: its number where it has one element, else a list."""
    return numbers(array) if array.size == len(array) else lists_of(array)


def lists_of(array: Array) -> Column:
    """One JSON list per row."""
    width = array.size // len(array)
    if not width:
        return [b"[]"] * len(array)
    if array.dtype.kind == "O":
        return [orjson.dumps(row) for row in array.reshape(len(array), width).tolist()]
    plain = _plain(array).reshape(len(array), width)
    return [orjson.dumps(row, option=orjson.OPT_SERIALIZE_NUMPY) for row in plain]


def nested(array: Array) -> Column:
    """One JSON value per row, nested as its shape."""
    if array.ndim <= 2:
        return numbers(array) if array.ndim == 1 else lists_of(array)
    return [dumped(row) for row in array]
