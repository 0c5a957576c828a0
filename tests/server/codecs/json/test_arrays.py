"""Arrays as JSON: numbers read back the same, in the shortest form, whatever the slices."""

from __future__ import annotations

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from server.artefact.tensors import Array
from server.codecs import slices
from server.codecs.json import arrays
from server.codecs.json.arrays import dumped_in_slices, numbers
from server.codecs.slices import finish

FLOATS = st.sampled_from([np.float64, np.float32, np.float16])
WHOLE = st.sampled_from([np.int64, np.int32, np.uint8, np.uint64, np.int8])


@given(npst.arrays(FLOATS | WHOLE | st.just(np.bool_), npst.array_shapes(min_dims=1, max_dims=2, max_side=4)))
def test_numbers_read_back_the_same(array: Array) -> None:
    tokens = numbers(array)
    assert len(tokens) == array.size
    read = [orjson.loads(token) for token in tokens]
    for back, value in zip(read, array.reshape(-1), strict=True):
        same = back is None if array.dtype.kind == "f" and not np.isfinite(value) else array.dtype.type(back) == value
        assert same, (back, value)


def test_numbers_are_short_and_of_any_layout() -> None:
    assert numbers(np.array([0.1, 1 / 3], np.float32)) == [b"0.1", b"0.33333334"]
    assert numbers(np.array([[1, 2, 3], [4, 5, 6]]).T) == [b"1", b"4", b"2", b"5", b"3", b"6"]
    assert numbers(np.array([2**63 - 1, -(2**63), 2**53 + 1])) == [
        b"9223372036854775807",
        b"-9223372036854775808",
        b"9007199254740993",
    ]
    assert numbers(np.empty((0, 3))) == []


@given(st.data(), st.integers(1, 7))
def test_an_array_in_slices_is_the_same_json(data: st.DataObject, items: int) -> None:
    shape = data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=4))
    array = data.draw(npst.arrays(st.sampled_from([np.float64, np.float16, np.int8, np.bool_]), st.just(tuple(shape))))
    with pytest.MonkeyPatch.context() as patch:
        for module in (arrays, slices):
            patch.setattr(module, "SLICE_ITEMS", items)
        pieces = finish(dumped_in_slices(array))
    assert orjson.loads(b"".join(pieces)) == orjson.loads(arrays.dumped(array))
    assert max(map(len, pieces)) < 32 * items + 3
