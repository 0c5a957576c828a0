"""Parts: joining and cutting them loses no row, mixes none up, and copies no single buffer."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.artefact.tensors import Array, InputLayout, Part, cut, join

DTYPES = (np.float64, np.float32, np.int64, np.bool_, np.uint8, np.float16, np.object_)


def array_of(layout: InputLayout, rows: int, start: int = 0) -> Array:
    """Rows that all differ, as far as the dtype can tell."""
    numbers = np.arange(start, start + rows * layout.row_items).reshape(rows, *layout.row_shape)
    return numbers.astype(str).astype(np.object_) if layout.dtype == np.object_ else numbers.astype(layout.dtype)


def part_of(array: Array) -> Part:
    """What a request would bring for these rows."""
    return array.reshape(-1).tolist() if array.dtype == np.object_ else array.tobytes()


layouts = st.builds(
    lambda dtype, shape: InputLayout("X", np.dtype(dtype), tuple(shape)),
    st.sampled_from(DTYPES),
    st.lists(st.integers(1, 3), max_size=2),
)


@given(layouts, st.lists(st.integers(1, 5), min_size=1, max_size=5))
def test_joined_parts_are_the_rows_one_after_another(layout: InputLayout, sizes: list[int]) -> None:
    arrays = [array_of(layout, rows, 100 * at) for at, rows in enumerate(sizes)]
    whole = join(layout, [part_of(array) for array in arrays])
    assert whole.dtype == layout.dtype
    assert whole.shape == (sum(sizes), *layout.row_shape)
    np.testing.assert_array_equal(whole, np.concatenate(arrays))


@given(layouts, st.integers(1, 9), st.data())
def test_cut_parts_join_to_the_same_rows(layout: InputLayout, rows: int, data: st.DataObject) -> None:
    array = array_of(layout, rows)
    part = part_of(array)
    start = data.draw(st.integers(0, rows - 1))
    stop = data.draw(st.integers(start + 1, rows))
    np.testing.assert_array_equal(join(layout, [cut(layout, part, start, stop)]), array[start:stop])
    twice = [cut(layout, part, 0, start), cut(layout, part, start, rows)] if start else [part]
    np.testing.assert_array_equal(join(layout, twice), array)


def test_a_single_buffer_is_not_copied() -> None:
    layout = InputLayout("X", np.dtype(np.float64), (2,))
    part = array_of(layout, 3).tobytes()
    assert np.shares_memory(join(layout, [part]), np.frombuffer(part))
    piece = cut(layout, part, 1, 3)
    assert isinstance(piece, memoryview)
    assert np.shares_memory(join(layout, [piece]), np.frombuffer(part))


def test_strings_stay_as_they_are() -> None:
    layout = InputLayout("X", np.dtype(np.object_), (2,))
    words = ["a\x00b", "", "é\N{GRINNING FACE}", "x" * 1000]
    assert join(layout, [words[:2], words[2:]]).tolist() == [words[:2], words[2:]]


@pytest.mark.parametrize(("shape", "items"), [((), 1), ((4,), 4), ((2, 3), 6)])
def test_row_items(shape: tuple[int, ...], items: int) -> None:
    assert InputLayout("X", np.dtype(np.float32), shape).row_items == items
