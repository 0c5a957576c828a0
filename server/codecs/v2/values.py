"""Owns the values of one input of a v2 request: JSON or binary data to a buffer, in slices. Knows no requests.

An input becomes a buffer (see `artefact.tensors`): binary data a view of the received bytes, JSON packed bytes, BYTES a
list of strings. Every size is compared with the received data before anything of that size is allocated.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from itertools import chain
from math import prod
from typing import Any, NoReturn

import numpy as np

from server.artefact.tensors import Buffer
from server.codecs.json.long_lists import LongList, NotCut
from server.codecs.refusals import shown, shown_shape
from server.codecs.slices import SLICE_ITEMS, Slices, discarding, finish, join, ranges, rows_per_slice
from server.codecs.v2.datatypes import BYTES, CODES, DTYPES, LENGTH, Shape, bad, widen

WIDENED_ITEMS = 65_536  # numbers that one slice converts from type to type


def check_size(size: int, datatype: str, shape: Shape, where: str) -> None:
    """Raises ServerError ``bad_request`` unless ``size`` bytes of binary data may have a shape."""
    count = prod(shape)
    if datatype == BYTES:
        if count * LENGTH.size > size:
            raise bad(f"{where}: {count} elements of BYTES take 4 bytes of length each, got {size} bytes in all")
    elif (needed := count * DTYPES[datatype].itemsize) != size:
        raise bad(f"{where}: {datatype} of shape {shown_shape(shape)} takes {needed} bytes of binary data, got {size}")


def from_binary(buffer: memoryview, datatype: str, shape: Shape, dtype: np.dtype[Any], where: str) -> Slices[Buffer]:
    """Makes binary data the buffer of a graph input of ``dtype``: the data itself where types are the same.

    Its size was checked. Raises ServerError ``bad_request``.
    """
    count = prod(shape)
    if datatype == BYTES:
        return (yield from _texts(buffer, count, where))
    if datatype == "BOOL" and count and np.frombuffer(buffer, np.uint8).max() > 1:
        raise bad(f"{where}: a BOOL is one byte, 0 or 1")
    if DTYPES[datatype] == dtype:
        return buffer
    parts: list[Buffer] = []
    size = DTYPES[datatype].itemsize
    for start, stop in ranges(count, WIDENED_ITEMS):
        parts.append(widen(buffer[start * size : stop * size], datatype, dtype, where))
        yield
    return (yield from join(parts))


def _texts(buffer: memoryview, count: int, where: str) -> Slices[list[str]]:
    end = len(buffer)
    texts: list[str] = []
    at = 0
    for first, last in ranges(count, SLICE_ITEMS):
        for element in range(first, last):
            start = at + LENGTH.size
            at = start + (LENGTH.unpack_from(buffer, at)[0] if start <= end else 0)
            if at > end:
                raise bad(
                    f"{where}: the binary data ends within element {element}; each is a 4-byte length and its bytes"
                )
            try:
                texts.append(str(buffer[start:at], "utf-8"))
            except UnicodeDecodeError:
                raise bad(f"{where}: element {element} is not UTF-8, the only text that ONNX Runtime takes") from None
        yield
    if at != end:
        raise bad(f"{where}: {end - at} bytes are left over after its {count} elements")
    return texts


def from_json(data: Any, datatype: str, shape: Shape, dtype: np.dtype[Any], where: str) -> Slices[Buffer]:
    """Makes JSON data, flat (row-major) or nested as its shape, the buffer of a graph input of ``dtype``.

    Raises ServerError ``bad_request``; NotCut for a list that was cut out of its body.
    """
    if type(data) is LongList:
        return (yield from _from_pieces(data, datatype, shape, dtype, where))
    if type(data) is not list:
        raise bad(f"{where}: expected a list in 'data', got {shown(data)}")
    flat = yield from _flat(data, shape, where)
    packing = _from_flat(flat, datatype, dtype, where)
    return (yield from (packing if flat is data else discarding(flat, packing)))


def _from_flat(flat: list[Any], datatype: str, dtype: np.dtype[Any], where: str) -> Slices[Buffer]:
    texts: list[str] = []
    parts: list[Buffer] = []
    for start, stop in ranges(len(flat), SLICE_ITEMS):
        part = flat[start:stop]
        if datatype == BYTES:
            if not set(map(type, part)) <= {str}:
                _refuse_value(part, start, datatype, where)
            texts += part
        else:
            parts.append(widen(_packed(part, start, datatype, where), datatype, dtype, where))
        yield
    return texts if datatype == BYTES else (yield from join(parts))


def _from_pieces(data: LongList, datatype: str, shape: Shape, dtype: np.dtype[Any], where: str) -> Slices[Buffer]:
    texts: list[str] = []
    parts: list[Buffer] = []
    count = prod(shape)
    at = 0
    for values, clean in data.pieces():
        if data.nested and set(map(type, values)) != {list}:
            raise NotCut
        flat = finish(_flat(values, (len(values), *shape[1:]), where)) if data.nested else values
        if at + len(flat) > count:
            raise NotCut
        if datatype == BYTES:
            if set(map(type, flat)) != {str}:
                raise NotCut
            texts += flat
        else:
            parts.append(widen(_packed(flat, at, datatype, where, clean), datatype, dtype, where))
        at += len(flat)
        yield
    if at != count:
        raise NotCut
    return texts if datatype == BYTES else (yield from join(parts))


def _packed(flat: Sequence[Any], first: int, datatype: str, where: str, clean: bool = False) -> bytes:
    """Packs the elements of a slice, of which the ``first`` has that number. ``clean``: none is a boolean."""
    if datatype == "BOOL" and not set(map(type, flat)) <= {bool}:
        _refuse_value(flat, first, datatype, where)
    try:
        packed = struct.pack(f"={len(flat)}{CODES[datatype]}", *flat)
    except (struct.error, OverflowError):
        _refuse_value(flat, first, datatype, where)
    if datatype != "BOOL" and not clean and bool in set(map(type, flat)):
        _refuse_value(flat, first, datatype, where)
    return packed


def _flat(data: list[Any], shape: Shape, where: str) -> Slices[list[Any]]:
    level = data
    if data and type(data[0]) is list:
        for depth, inner in enumerate(shape[1:]):
            _check_count(level, prod(shape[: depth + 1]), shape, where)
            deeper: list[Any] = []
            for start, stop in ranges(len(level), rows_per_slice(inner)):
                part = level[start:stop]
                if set(map(type, part)) != {list} or set(map(len, part)) != {inner}:
                    raise bad(f"{where}: 'data' is not nested as the shape {shown_shape(shape)} says")
                if len(part) == 1:
                    for begin, end in ranges(inner, SLICE_ITEMS):
                        deeper += part[0][begin:end]
                        yield
                else:
                    deeper.extend(chain.from_iterable(part))
                    yield
            level = deeper
            if not level:
                break
    _check_count(level, prod(shape), shape, where)
    return level


def _check_count(level: list[Any], expected: int, shape: Shape, where: str) -> None:
    if len(level) != expected:
        raise bad(f"{where}: the shape {shown_shape(shape)} does not fit the {len(level)} elements of 'data'")


def _refuse_value(flat: Sequence[Any], first: int, datatype: str, where: str) -> NoReturn:
    for at, value in enumerate(flat, first):
        if not _is_valid(datatype, value):
            raise bad(f"{where}: element {at} is not {_EXPECTED[datatype[:3]]} of {datatype}: {shown(value)}")
    raise bad(f"{where}: 'data' does not fit {datatype}")


_EXPECTED = {
    "BOO": "true or false, the values",
    "INT": "a whole number within the range",
    "UIN": "a whole number within the range",
    "FP1": "a number within the range",
    "FP3": "a number within the range",
    "FP6": "a number within the range",
    "BYT": "a string, the elements",
}


def _is_valid(datatype: str, value: Any) -> bool:
    if datatype in (BYTES, "BOOL"):
        return type(value) is (str if datatype == BYTES else bool)
    if type(value) not in (int, float):
        return False
    try:
        struct.pack(f"={CODES[datatype]}", value)
    except (struct.error, OverflowError):
        return False
    return True
