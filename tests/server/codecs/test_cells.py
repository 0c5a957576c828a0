"""Cells: texts that are values of their feature become these; others stay, to be refused."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.artefact.metadata import Dtype, Feature
from server.codecs.cells import converters


def convert(dtype: Dtype, text: str, *, nullable: bool = False) -> Any:
    """The value of a cell."""
    return converters([Feature("f", dtype, "f", nullable)])[0](text)


@pytest.mark.parametrize(
    ("dtype", "text", "value"),
    [
        ("float64", "1.5", 1.5),
        ("float64", "-1e-3", -0.001),
        ("float64", "+.5", 0.5),
        ("float64", "7", 7.0),
        ("float32", "2.", 2.0),
        ("int64", "-7", -7),
        ("int64", "007", 7),
        ("int64", "9223372036854775807", 2**63 - 1),
        ("int64", "9223372036854775808", 2**63),
        ("int64", "-9223372036854775808", -(2**63)),
        ("bool", "True", True),
        ("bool", "FALSE", False),
        ("string", "true", "true"),
        ("string", " 1.5", " 1.5"),
        ("string", "", ""),
    ],
)
def test_cells(dtype: Dtype, text: str, value: Any) -> None:
    got = convert(dtype, text)
    assert (got, type(got)) == (value, type(value))


@pytest.mark.parametrize(
    ("dtype", "text"),
    [
        *(
            ("float64", text)
            for text in ("", "nan", "NaN", "inf", "-Infinity", "1_0", " 1", "1 ", "0x10", "1e", "1e999")
        ),
        ("float64", "1,5"),
        ("float64", "\N{FULLWIDTH DIGIT ONE}"),
        ("int64", "1.0"),
        ("int64", "1e3"),
        ("int64", "9" * 5000),
        ("int64", "-9223372036854775809"),
        ("int64", "18446744073709551616"),
        ("bool", "1"),
        ("bool", "yes"),
        ("bool", "tRUE"),
    ],
)
def test_what_is_no_value_stays_a_text(dtype: Dtype, text: str) -> None:
    assert convert(dtype, text) == text
    if text:
        assert convert(dtype, text, nullable=True) == text


def test_an_empty_cell_is_missing_where_it_may_be() -> None:
    assert math.isnan(convert("float64", "", nullable=True))
    assert convert("string", "", nullable=True) is None
    assert converters([Feature("f", "float64", "f", nullable=True, categories=(1.0,))])[0]("") is None


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_come_back_as_they_were_written(value: float) -> None:
    got = convert("float64", repr(value))
    assert got == value
    assert math.copysign(1, got) == math.copysign(1, value)
