"""Buffers: concatenating and slicing them loses no row, mixes none up, and copies no single buffer."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.artefact.tensors import FEW_TEXTS, Array, Buffer, InputLayout, buffer_bytes, concatenate, slice_rows

DTYPES = (np.float64, np.float32, np.int64, np.bool_, np.uint8, np.float16, np.object_)


def array_of(layout: InputLayout, rows: int, start: int = 0) -> Array:
    """Rows that all differ, as far as the dtype can tell."""
    numbers = np.arange(start, start + rows * layout.row_items).reshape(rows, *layout.row_shape)
    return numbers.astype(str).astype(np.object_) if layout.dtype == np.object_ else numbers.astype(layout.dtype)


def buffer_of(array: Array) -> Buffer:
    """What a request would bring for these rows."""
    return array.reshape(-1).tolist() if array.dtype == np.object_ else array.tobytes()


layouts = st.builds(
    lambda dtype, shape: InputLayout("X", np.dtype(dtype), tuple(shape)),
    st.sampled_from(DTYPES),
    st.lists(st.integers(1, 3), max_size=2),
)


@given(layouts, st.lists(st.integers(1, 5), min_size=1, max_size=5))
def test_concatenated_buffers_are_the_rows_one_after_another(layout: InputLayout, sizes: list[int]) -> None:
    arrays = [array_of(layout, rows, 100 * at) for at, rows in enumerate(sizes)]
    whole = concatenate(layout, [buffer_of(array) for array in arrays])
    assert whole.dtype == layout.dtype
    assert whole.shape == (sum(sizes), *layout.row_shape)
    np.testing.assert_array_equal(whole, np.concatenate(arrays))


@given(layouts, st.integers(1, 9), st.data())
def test_sliced_buffers_are_the_same_rows(layout: InputLayout, rows: int, data: st.DataObject) -> None:
    array = array_of(layout, rows)
    buffer = buffer_of(array)
    start = data.draw(st.integers(0, rows - 1))
    stop = data.draw(st.integers(start + 1, rows))
    np.testing.assert_array_equal(concatenate(layout, [slice_rows(layout, buffer, start, stop)]), array[start:stop])
    twice = [slice_rows(layout, buffer, 0, start), slice_rows(layout, buffer, start, rows)] if start else [buffer]
    np.testing.assert_array_equal(concatenate(layout, twice), array)


def test_a_single_buffer_is_not_copied() -> None:
    layout = InputLayout("X", np.dtype(np.float64), (2,))
    buffer = array_of(layout, 3).tobytes()
    assert np.shares_memory(concatenate(layout, [buffer]), np.frombuffer(buffer))
    piece = slice_rows(layout, buffer, 1, 3)
    assert isinstance(piece, memoryview)
    assert np.shares_memory(concatenate(layout, [piece]), np.frombuffer(buffer))


def test_strings_stay_as_they_are() -> None:
    layout = InputLayout("X", np.dtype(np.object_), (2,))
    words = ["a\x00b", "", "é\N{GRINNING FACE}", "x" * 1000]
    assert concatenate(layout, [words[:2], words[2:]]).tolist() == [words[:2], words[2:]]


def test_buffers_take_as_many_bytes_as_their_numbers_and_more_for_texts() -> None:
    assert buffer_bytes([b"x" * 8, memoryview(b"y" * 5)]) == 13
    texts = ["ab", "\N{GRINNING FACE}" * 10]
    assert buffer_bytes([texts]) >= sum(map(sys.getsizeof, texts)) - 64
    assert buffer_bytes([["ab"] * 2 * FEW_TEXTS]) >= 64 * 2 * FEW_TEXTS


@pytest.mark.parametrize(("shape", "items"), [((), 1), ((4,), 4), ((2, 3), 6)])
def test_row_items(shape: tuple[int, ...], items: int) -> None:
    assert InputLayout("X", np.dtype(np.float32), shape).row_items == items
