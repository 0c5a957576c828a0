"""Owns how a witness is spoken to: frames of JSON and raw arrays, over one pipe each way. Knows nothing of models.

No pickle is among them, and both sides read no more than a frame may be long. Plain Python 3.8: see this package.
"""

from __future__ import annotations

import json
import math
import struct
from typing import TYPE_CHECKING, Any, BinaryIO, Mapping  # noqa: UP035

import numpy as np

if TYPE_CHECKING:
    from convert.witness.frame import Array

HEADER = struct.Struct("<IQ")  # the bytes of the JSON; those of all arrays
MOST_TEXT_BYTES = 16 << 20
MOST_ARRAY_BYTES = 4 << 30  # a file of 2 GB, unpacked, is the largest that is sent
NUMBERS = "fiub"
TEXTS = "O"  # an array of strings, numbers and None, as JSON


class Broken(Exception):
    """The other side went away or does not speak this."""


def write(pipe: BinaryIO, head: Mapping[str, Any], arrays: Mapping[str, Array]) -> None:
    """One frame; at once. An array is of numbers, booleans, or objects that are plain values."""
    listed, contents = [], []
    for name, array in arrays.items():
        raw = _raw(array)
        listed.append([name, array.dtype.str if array.dtype.kind in NUMBERS else TEXTS, list(array.shape), len(raw)])
        contents.append(raw)
    text = json.dumps({"head": head, "arrays": listed}).encode()
    if len(text) > MOST_TEXT_BYTES:
        raise Broken
    pipe.write(HEADER.pack(len(text), sum(map(len, contents))) + text)
    for raw in contents:
        pipe.write(raw)
    pipe.flush()


def read(pipe: BinaryIO) -> tuple[dict[str, Any], dict[str, Array]]:
    """The next frame. Raises Broken at the end, for nonsense, and for more than may be said."""
    text_bytes, array_bytes = HEADER.unpack(_whole(pipe, HEADER.size))
    if text_bytes > MOST_TEXT_BYTES or array_bytes > MOST_ARRAY_BYTES:
        raise Broken
    try:
        frame = json.loads(_whole(pipe, text_bytes))
        head, listed = frame["head"], frame["arrays"]
        sizes = [size for _, _, _, size in listed]
        if not isinstance(head, dict) or not all(map(_is_length, sizes)) or sum(sizes) != array_bytes:
            raise Broken
        return head, {str(name): _array(_whole(pipe, size), kind, shape) for name, kind, shape, size in listed}
    except (LookupError, TypeError, ValueError, OverflowError, RecursionError) as error:
        raise Broken from error


def _raw(array: Array) -> bytes:
    if array.dtype.kind in NUMBERS:
        return array.tobytes()
    plain = [value.item() if isinstance(value, np.generic) else value for value in array.ravel().tolist()]
    return json.dumps(plain).encode()


def _array(raw: bytes, kind: Any, shape: Any) -> Array:
    if not all(map(_is_length, shape)):
        raise Broken
    if kind != TEXTS:
        dtype = np.dtype(str(kind))
        if dtype.kind not in NUMBERS or math.prod(shape) * dtype.itemsize != len(raw):
            raise Broken
        return np.frombuffer(bytearray(raw), dtype).reshape(shape) if raw else np.empty(shape, dtype)
    values = json.loads(raw)
    if type(values) is not list or not all(isinstance(value, (str, int, float, type(None))) for value in values):
        raise Broken
    filled = np.empty(len(values), object)
    filled[:] = values
    return filled.reshape(shape)


def _is_length(value: Any) -> bool:
    return type(value) is int and value >= 0


def _whole(pipe: BinaryIO, size: int) -> bytes:
    pieces, left = [], size
    while left:
        piece = pipe.read(min(left, 1 << 20))
        if not piece:
            raise Broken
        pieces.append(piece)
        left -= len(piece)
    return b"".join(pieces)
