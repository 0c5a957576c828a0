"""Values of every v2 data type, there and back; and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from server.artefact.tensors import Buffer
from server.codecs.slices import SLICE_ITEMS, finish
from server.codecs.v2 import values
from server.codecs.v2.datatypes import DTYPES, Shape, to_binary, to_json
from tests.support.server.v2 import attempt


def from_binary(data: memoryview, datatype: str, shape: Shape, where: str) -> Buffer:
    values.check_size(len(data), datatype, shape, where)
    return finish(values.from_binary(data, datatype, shape, DTYPES[datatype], where))


def from_json(data: Any, datatype: str, shape: Shape, where: str) -> Buffer:
    return finish(values.from_json(data, datatype, shape, DTYPES[datatype], where))


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


def tensors(datatype: str) -> Any:
    shapes = arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)
    if datatype == "BYTES":
        return arrays.arrays(np.object_, shapes, elements=TEXT, fill=TEXT)
    return arrays.arrays(DTYPES[datatype], shapes)


def array_of(part: Any, datatype: str, shape: Any) -> Any:
    if datatype == "BYTES":
        return np.array([*part], np.object_).reshape(shape)
    return np.frombuffer(part, DTYPES[datatype]).reshape(shape)


@pytest.mark.parametrize("datatype", DTYPES)
@given(data=st.data())
def test_binary_there_and_back(datatype: str, data: st.DataObject) -> None:
    array = data.draw(tensors(datatype))
    part = from_binary(memoryview(bytes(to_binary(array))), datatype, array.shape, "x")
    np.testing.assert_array_equal(array_of(part, datatype, array.shape), array)


@pytest.mark.parametrize("datatype", DTYPES)
@given(data=st.data())
def test_json_there_and_back(datatype: str, data: st.DataObject) -> None:
    array = data.draw(tensors(datatype))
    if array.dtype.kind == "f":
        array = np.nan_to_num(array)
    text = to_json(array)
    flat = from_json(orjson.loads(text), datatype, array.shape, "x")
    np.testing.assert_array_equal(array_of(flat, datatype, array.shape), array)
    if array.ndim:
        nested = from_json(array.tolist(), datatype, array.shape, "x")
        np.testing.assert_array_equal(array_of(nested, datatype, array.shape), array)


def test_numbers_are_views_of_what_was_received() -> None:
    body = bytearray(b"abc" + np.arange(4, dtype=np.float32).tobytes())
    part = from_binary(memoryview(body)[3:], "FP32", (2, 2), "x")
    body[3:7] = np.float32(9).tobytes()
    assert np.frombuffer(part, np.float32)[0] == 9  # type: ignore[arg-type]


VALUES = st.one_of(st.booleans(), st.integers(-(2**63), 2**64 - 1), st.floats(allow_nan=False), st.none(), TEXT)


def fits(value: Any, datatype: str) -> bool:
    """Whether a JSON value is one of the data type, said another way."""
    if datatype == "BYTES":
        return isinstance(value, str)
    if datatype == "BOOL":
        return isinstance(value, bool)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    dtype = DTYPES[datatype]
    if dtype.kind == "f":
        with np.errstate(over="ignore"):
            return bool(np.isfinite(np.float64(value).astype(dtype)))
    return isinstance(value, int) and np.iinfo(dtype).min <= value <= np.iinfo(dtype).max


@pytest.mark.parametrize("datatype", DTYPES)
@given(flat=st.lists(VALUES, min_size=1, max_size=6))
def test_json_values_are_taken_strictly(datatype: str, flat: list[Any]) -> None:
    _, error = attempt(lambda: from_json(flat, datatype, (len(flat),), "input 'x'"))
    wrong = [at for at, value in enumerate(flat) if not fits(value, datatype)]
    assert bool(wrong) == (error is not None)
    assert error is None or error.message.startswith(f"input 'x': element {wrong[0]} ")


@pytest.mark.parametrize("datatype", DTYPES)
@given(data=st.binary(max_size=40), shape=st.lists(st.integers(0, 2**62), max_size=3))
def test_any_bytes_are_a_tensor_or_refused(datatype: str, data: bytes, shape: list[int]) -> None:
    part, error = attempt(lambda: from_binary(memoryview(data), datatype, tuple(shape), "x"))
    assert error is None or error.code == "bad_request"
    assert error is not None or bytes(to_binary(array_of(part, datatype, shape))) == data


def test_one_long_row_is_taken_and_let_go_in_slices() -> None:
    row = [1.5] * (64 * SLICE_ITEMS)
    slices = values.from_json([row], "FP64", (1, len(row)), DTYPES["FP64"], "here")
    assert len(list(slices)) > 3 * 64  # taken out of its list, packed, let go
