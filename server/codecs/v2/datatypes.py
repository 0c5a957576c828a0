"""Owns the data types of the v2 protocol: names, widening, the encoding of outputs. Knows no requests."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import orjson

from server.artefact.tensors import Array, Buffer
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
CODES = dict(zip(DTYPES, "?bhiqBHIQefd", strict=False))  # format characters of `struct`; BYTES has none
EXACT_WHOLE = 2**53  # up to here FP64 holds every whole number
LENGTH = struct.Struct("<I")  # before each element of BYTES


def bad(message: str) -> ServerError:
    """The error of a v2 request that does not fit its model: 400 with one sentence."""
    return ServerError("bad_request", message)


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


def described(name: str, datatype: str, shape: Sequence[int]) -> bytes:
    """The JSON of an output up to its data."""
    return b'{"name":%b,"datatype":"%b","shape":%b' % (orjson.dumps(name), datatype.encode(), orjson.dumps(shape))
