"""Which data types go into which, and with the same numbers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from server.codecs.v2.datatypes import DTYPES, to_binary, widen, widens
from tests.support.server.v2 import attempt

NUMERIC = [name for name in DTYPES if name != "BYTES"]
WIDENED = {
    ("FP32", "FP64"),
    ("FP16", "FP64"),
    ("FP16", "FP32"),
    ("INT32", "FP64"),
    ("INT64", "FP64"),
    ("UINT64", "FP64"),
    ("INT8", "INT64"),
    ("UINT8", "INT16"),
    ("INT16", "FP32"),
}
REFUSED = {
    ("FP64", "FP32"),
    ("INT32", "FP32"),
    ("INT64", "INT32"),
    ("UINT8", "INT8"),
    ("INT8", "UINT64"),
    ("BOOL", "FP64"),
    ("BOOL", "INT64"),
    ("INT8", "BOOL"),
    ("FP32", "INT64"),
    ("FP32", "BYTES"),
    ("BYTES", "FP32"),
}


@pytest.mark.parametrize(("source", "target"), sorted(WIDENED | REFUSED))
def test_what_widens(source: str, target: str) -> None:
    assert widens(source, DTYPES[target]) == ((source, target) in WIDENED)


@given(st.sampled_from(NUMERIC), st.sampled_from(NUMERIC), st.data())
def test_what_is_widened_is_the_same_numbers(source: str, target: str, data: st.DataObject) -> None:
    if not widens(source, DTYPES[target]):
        return
    array = data.draw(arrays.arrays(DTYPES[source], 3))
    part, error = attempt(lambda: widen(bytes(to_binary(array)), source, DTYPES[target], "x"))
    if error is not None:
        assert "2^53" in error.message
        assert any(abs(int(value)) > 2**53 for value in array)
        return
    for value, wide in zip(array.tolist(), np.frombuffer(part, DTYPES[target]).tolist(), strict=True):
        assert value == wide or (value != value and wide != wide)
