"""Owns the making of numpy's types and arrays, and of sparse matrices, from what a file says. Knows no models.

numpy's own ``__setstate__`` believes its state: a type with fields outside its items, or an array larger than its
bytes, reads foreign memory. So each is made anew from parts that were checked.
"""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np

from convert.opening.plain import is_whole
from convert.opening.refusal import hostile, shown

TYPE_CODE = re.compile(r"[<>=|]?(?:[biufcSUV?]\d{0,9}|[mM]8(?:\[\d{0,3}[A-Za-zμ]{1,2}\])?|O8?)")
MOST_DIMENSIONS = 32


def make_dtype(arguments: tuple[Any, ...]) -> np.dtype[Any]:
    """``dtype('f8', False, True)``: always a new one, which may still be given its fields or its byte order."""
    code = arguments[0] if arguments else None
    if type(code) is not str or not TYPE_CODE.fullmatch(code):
        raise hostile(f"an array's type is written as {shown(code)}")
    return np.dtype(code, copy=True)


def fill_dtype(dtype: np.dtype[Any], state: Any) -> None:
    """The byte order and the fields; the state that numpy gets is the one it would have written itself."""
    usable = type(state) is tuple and 7 <= len(state) <= 9 and type(state[1]) is str and state[2] is None
    if not usable or state[1] not in ("<", ">", "|", "="):
        raise hostile("the description of an array's type is broken")
    if state[3] is None:
        plain = _timed(dtype, state[-1]) if dtype.kind in "mM" else dtype
        sound = plain.newbyteorder(state[1]) if state[1] in "<>" and dtype.kind != "V" else plain
    else:
        sound = _structured(dtype, state[3], state[4], bool(state[7] & 0x80) if is_whole(state[7]) else False)
    dtype.__setstate__(sound.__reduce__()[2])  # type: ignore[attr-defined]


def _timed(dtype: np.dtype[Any], described: Any) -> np.dtype[Any]:
    """A time with its unit, which a pickle writes apart."""
    unit = described[1] if type(described) is tuple and len(described) == 2 else None
    if type(unit) is not tuple or len(unit) != 4 or type(unit[0]) is not bytes or not is_whole(unit[1], 1):
        raise hostile("a time in an array has no unit")
    return make_dtype((f"{dtype.kind}8[{unit[1]}{unit[0].decode()}]",))


def _structured(dtype: np.dtype[Any], names: Any, fields: Any, aligned: bool) -> np.dtype[Any]:
    usable = type(names) is tuple and type(fields) is dict and all(type(name) is str for name in (*names, *fields))
    if not usable or dtype.kind != "V" or sorted(names) != sorted(fields):
        raise hostile("the fields of an array's type are broken")
    formats, offsets = [], []
    for name in names:
        entry = fields[name]
        if type(entry) is not tuple or len(entry) != 2 or not isinstance(entry[0], np.dtype) or not is_whole(entry[1]):
            raise hostile("a field of an array's type is broken")
        if entry[0].hasobject or entry[0].fields or entry[1] + entry[0].itemsize > dtype.itemsize:
            raise hostile("a field of an array's type lies outside its items")
        formats.append(entry[0])
        offsets.append(entry[1])
    described = {"names": list(names), "formats": formats, "offsets": offsets, "itemsize": dtype.itemsize}
    return np.dtype(described, align=aligned)  # type: ignore[call-overload, no-any-return]


def checked_dtype(dtype: Any) -> np.dtype[Any]:
    """What an array may be made of: a copy, as the type itself may still be given fields."""
    if not isinstance(dtype, np.dtype) or dtype.subdtype is not None or (dtype.hasobject and dtype.kind != "O"):
        raise hostile("an array has no usable type")
    return dtype.newbyteorder("|")


def checked_shape(shape: Any, dtype: np.dtype[Any], size: int | None) -> tuple[int, ...]:
    """A shape of as many items as ``size`` bytes hold; where that is None, the items are counted by the caller."""
    if type(shape) is not tuple or len(shape) > MOST_DIMENSIONS or not all(is_whole(length) for length in shape):
        raise hostile("an array has no usable shape")
    items = math.prod(shape)
    if size is not None and (items * dtype.itemsize != size or (items and not dtype.itemsize)):
        raise hostile(f"an array of {items} items does not have the bytes for them")
    return shape


def array_of(raw: bytes | bytearray, dtype: Any, shape: Any, order: str) -> np.ndarray[Any, Any]:
    """A new array with a copy of these bytes; objects never are bytes."""
    sound = checked_dtype(dtype)
    if sound.hasobject:
        raise hostile("an array of objects is written as bytes")
    sizes = checked_shape(shape, sound, len(raw))
    return np.ndarray(sizes, sound, bytes(raw), order="F" if order == "F" else "C").copy(order="K")


def make_empty(arguments: tuple[Any, ...]) -> np.ndarray[Any, Any]:
    """``_reconstruct(ndarray, (0,), b'b')``: the array that is given its state next."""
    if not arguments or arguments[0] is not np.ndarray:
        raise hostile("an array of a class of its own")
    return np.ndarray.__new__(np.ndarray, (0,), "b")


def fill_array(array: np.ndarray[Any, Any], state: Any) -> None:
    """Shape, type, order and items; the items of an array of objects are a list."""
    if type(state) is not tuple or len(state) not in (4, 5):
        raise hostile("the state of an array is broken")
    shape, dtype, fortran, raw = state[-4:]
    sound = checked_dtype(dtype)
    if sound.hasobject:
        if type(raw) is not list or math.prod(checked_shape(shape, sound, None)) != len(raw):
            raise hostile("an array of objects does not have its items")
    elif type(raw) is str:  # Python 2 wrote bytes as text
        raw = raw.encode("latin1")
    if not sound.hasobject and type(raw) not in (bytes, bytearray):
        raise hostile("an array does not have its bytes")
    if not sound.hasobject:
        checked_shape(shape, sound, len(raw))
    # a copy, as numpy would use the memory of these very bytes, which other arrays of the file may share
    items = raw if sound.hasobject else bytes(memoryview(raw))
    array.__setstate__((1, shape, sound, type(fortran) in (bool, int) and bool(fortran), items))  # type: ignore[arg-type]


def make_from_buffer(arguments: tuple[Any, ...]) -> np.ndarray[Any, Any]:
    """``_frombuffer(buffer, dtype, shape, order)``, but never two arrays in one buffer."""
    if len(arguments) not in (4, 5) or type(arguments[0]) not in (bytes, bytearray):
        raise hostile("an array does not have its bytes")
    return array_of(*arguments[:4])


def make_scalar(arguments: tuple[Any, ...]) -> Any:
    """``scalar(dtype, bytes)``."""
    if len(arguments) != 2 or type(arguments[1]) not in (bytes, str):
        raise hostile("a number of numpy's does not have its bytes")
    raw = arguments[1].encode("latin1") if isinstance(arguments[1], str) else arguments[1]
    dtype = checked_dtype(arguments[0])
    if dtype.kind not in "biufcSUmM":
        raise hostile("a number of numpy's has no usable type")
    if not dtype.itemsize:
        return dtype.type()
    return array_of(raw, dtype, (1,), "C")[0]


def fill_sparse(matrix: Any, state: Any) -> None:
    """A sparse matrix whose positions lie inside it, whatever its flags say; its arrays are its own."""
    if type(state) is not dict or type(state.get("_shape")) is not tuple or len(state["_shape"]) != 2:
        raise hostile("the state of a sparse matrix is broken")
    shape = checked_shape(state["_shape"], np.dtype("b"), None)
    data = state.get("data")
    if "indptr" in state:
        content: Any = _compressed(shape if "csr" in type(matrix).__name__ else shape[::-1], data, state)
    else:
        content = _listed(shape, data, state.get("coords", (state.get("row"), state.get("col"))))
    vars(matrix).update(vars(type(matrix)(content, shape=shape, copy=True)))


def _vector(array: Any, kinds: str) -> np.ndarray[Any, Any]:
    if type(array) is not np.ndarray or array.ndim != 1 or array.dtype.kind not in kinds:
        raise hostile("a sparse matrix is not made of plain arrays")
    return array


def _compressed(shape: tuple[int, ...], data: Any, state: dict[Any, Any]) -> tuple[Any, Any, Any]:
    values, columns, starts = _vector(data, "biufc"), _vector(state["indices"], "i"), _vector(state["indptr"], "i")
    sound = len(starts) == shape[0] + 1 and starts[0] == 0 and starts[-1] <= len(columns) == len(values)
    if not sound or (np.diff(starts) < 0).any() or ((columns < 0) | (columns >= shape[1])).any():
        raise hostile("a sparse matrix points outside itself")
    return values, columns, starts


def _listed(shape: tuple[int, ...], data: Any, coordinates: Any) -> tuple[Any, Any]:
    if type(coordinates) is not tuple or len(coordinates) != 2:
        raise hostile("the state of a sparse matrix is broken")
    values, places = _vector(data, "biufc"), tuple(_vector(part, "i") for part in coordinates)
    for places_of_axis, length in zip(places, shape, strict=True):
        inside = (places_of_axis >= 0) & (places_of_axis < length)
        if len(places_of_axis) != len(values) or not inside.all():
            raise hostile("a sparse matrix points outside itself")
    return values, places
