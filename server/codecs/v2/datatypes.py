"""Owns the data types of the v2 protocol: names, widening, JSON and binary encoding. Knows no requests.

An input becomes a buffer (see `artefact.tensors`): binary data a view of the received bytes, JSON packed bytes, BYTES a
list of strings. Every size is compared with the received data before anything of that size is allocated.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from itertools import chain
from math import prod
from typing import Any, NoReturn

import numpy as np
import orjson

from server.artefact.tensors import Array, Buffer
from server.codecs.rows import shown
from server.errors import ServerError

Shape = tuple[int, ...]

BYTES = "BYTES"
DTYPES: Mapping[str, np.dtype[Any]] = {
    "BOOL": np.dtype(np.bool_),
    "INT8": np.dtype(np.int8),
    "INT16": np.dtype(np.int16),
    "INT32": np.dtype(np.int32),
    "INT64": np.dtype(np.int64),
    "UINT8": np.dtype(np.uint8),
    "UINT16": np.dtype(np.uint16),
    "UINT32": np.dtype(np.uint32),
    "UINT64": np.dtype(np.uint64),
    "FP16": np.dtype(np.float16),
    "FP32": np.dtype(np.float32),
    "FP64": np.dtype(np.float64),
    BYTES: np.dtype(np.object_),
}
NAMES: Mapping[np.dtype[Any], str] = {dtype: name for name, dtype in DTYPES.items()}
_CODES = dict(zip(DTYPES, "?bhiqBHIQefd", strict=False))  # format characters of `struct`; BYTES has none
EXACT_WHOLE = 2**53  # up to here FP64 holds every whole number
LENGTH = struct.Struct("<I")  # before each element of BYTES


def bad(message: str) -> ServerError:
    """The error of a v2 request that does not fit its model: 400 with one sentence."""
    return ServerError("bad_request", message)


def listed(names: Sequence[str]) -> str:
    """Quoted names as an error lists them: the first eight."""
    first = ", ".join(f"'{name}'" for name in names[:8])
    return first if len(names) <= 8 else f"{first} and {len(names) - 8} more"


def from_binary(buffer: memoryview, datatype: str, shape: Shape, where: str) -> Buffer:
    """The buffer of binary data: the data itself, or a list of strings. Raises ServerError ``bad_request``."""
    count = prod(shape)
    if datatype == BYTES:
        return _texts(buffer, count, where)
    needed = count * DTYPES[datatype].itemsize
    if len(buffer) != needed:
        raise bad(f"{where}: {datatype} of shape {list(shape)} takes {needed} bytes of binary data, got {len(buffer)}")
    if datatype == "BOOL" and count and np.frombuffer(buffer, np.uint8).max() > 1:
        raise bad(f"{where}: a BOOL is one byte, 0 or 1")
    return buffer


def _texts(buffer: memoryview, count: int, where: str) -> list[str]:
    end = len(buffer)
    if count * LENGTH.size > end:
        raise bad(f"{where}: {count} elements of BYTES take 4 bytes of length each, got {end} bytes in all")
    texts: list[str] = []
    at = 0
    for element in range(count):
        start = at + LENGTH.size
        if start > end or LENGTH.unpack_from(buffer, at)[0] > end - start:
            raise bad(f"{where}: the binary data ends within element {element}; each is a 4-byte length and its bytes")
        at = start + LENGTH.unpack_from(buffer, at)[0]
        try:
            texts.append(str(buffer[start:at], "utf-8"))
        except UnicodeDecodeError:
            raise bad(f"{where}: element {element} is not UTF-8, the only text that ONNX Runtime takes") from None
    if at != end:
        raise bad(f"{where}: {end - at} bytes are left over after its {count} elements")
    return texts


def from_json(data: Any, datatype: str, shape: Shape, where: str) -> Buffer:
    """The buffer of JSON data, flat (row-major) or nested as its shape. Raises ServerError ``bad_request``."""
    if type(data) is not list:
        raise bad(f"{where}: expected a list in 'data', got {shown(data)}")
    flat = _flat(data, shape, where)
    if datatype == BYTES:
        if not set(map(type, flat)) <= {str}:
            _refuse_value(flat, datatype, where)
        return flat
    if datatype == "BOOL" and not set(map(type, flat)) <= {bool}:
        _refuse_value(flat, datatype, where)
    try:
        packed = struct.pack(f"={len(flat)}{_CODES[datatype]}", *flat)
    except (struct.error, OverflowError):
        _refuse_value(flat, datatype, where)
    if datatype != "BOOL" and _has_boolean(flat, packed, datatype):
        _refuse_value(flat, datatype, where)
    return packed


def _flat(data: list[Any], shape: Shape, where: str) -> list[Any]:
    level = data
    if data and type(data[0]) is list:
        for depth, inner in enumerate(shape[1:]):
            _check_count(level, prod(shape[: depth + 1]), shape, where)
            if set(map(type, level)) != {list} or set(map(len, level)) != {inner}:
                raise bad(f"{where}: 'data' is not nested as the shape {list(shape)} says")
            level = list(chain.from_iterable(level))
            if not level:
                break
    _check_count(level, prod(shape), shape, where)
    return level


def _check_count(level: list[Any], expected: int, shape: Shape, where: str) -> None:
    if len(level) != expected:
        raise bad(f"{where}: the shape {list(shape)} does not fit the {len(level)} elements of 'data'")


def _has_boolean(flat: Sequence[Any], packed: bytes, datatype: str) -> bool:
    """Whether a boolean was packed as a number: only elements that packed as 0 or 1 can be one."""
    values = np.frombuffer(packed, DTYPES[datatype])
    suspects = np.flatnonzero((values == 0) | (values == 1)).tolist()
    return any(type(flat[at]) is bool for at in suspects)


def _refuse_value(flat: Sequence[Any], datatype: str, where: str) -> NoReturn:
    for at, value in enumerate(flat):
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
        struct.pack(f"={_CODES[datatype]}", value)
    except (struct.error, OverflowError):
        return False
    return True


def widens(datatype: str, dtype: np.dtype[Any]) -> bool:
    """Whether a graph input of ``dtype`` holds the values of a data type without loss, but for large integers."""
    source = DTYPES[datatype]
    return source == dtype or (source.kind in "iuf" and dtype.kind in "iuf" and np.can_cast(source, dtype, "safe"))


def widen(buffer: Buffer, datatype: str, dtype: np.dtype[Any], where: str) -> Buffer:
    """Converts a buffer to ``dtype``. Raises ServerError ``bad_request`` for a value that would be rounded."""
    source = DTYPES[datatype]
    if source == dtype or isinstance(buffer, list):
        return buffer
    values = np.frombuffer(buffer, source)
    if dtype.kind == "f" and source.kind in "iu" and source.itemsize == 8 and values.size:
        low, high = int(values.min()), int(values.max())
        if low < -EXACT_WHOLE or high > EXACT_WHOLE:
            raise bad(f"{where}: {datatype} goes into {NAMES[dtype]} only up to 2^53; larger values would be rounded")
    return values.astype(dtype).view(np.uint8).data


def to_binary(array: Array) -> bytes | memoryview:
    """An array as binary data, row-major: its own memory, but for BYTES."""
    if array.dtype == np.object_:
        encoded = [text.encode() for text in array.reshape(-1).tolist()]
        return b"".join([piece for text in encoded for piece in (LENGTH.pack(len(text)), text)])
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8).data


def to_json(array: Array) -> bytes:
    """An array as a flat JSON list, row-major; NaN and infinities are null."""
    if array.dtype == np.object_:
        return orjson.dumps(array.reshape(-1).tolist())
    flat = np.ascontiguousarray(array).reshape(-1)
    if flat.dtype == np.float16:
        flat = flat.astype(np.float32)
    return orjson.dumps(flat, option=orjson.OPT_SERIALIZE_NUMPY)
