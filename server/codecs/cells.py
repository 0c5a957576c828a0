"""Owns the cells of a table of texts: what value of its feature each is. Knows no rows."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from typing import Any

from server.artefact.metadata import Feature

NUMERIC_DTYPES = frozenset({"float64", "float32", "int64"})
NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
WHOLE_NUMBER = re.compile(r"[+-]?[0-9]{1,19}")
INT64_LEAST = -(2**63)
BOOLEANS = {"True": True, "true": True, "TRUE": True, "False": False, "false": False, "FALSE": False}

Convert = Callable[[str], Any]


def converters(features: Sequence[Feature]) -> tuple[Convert, ...]:
    """For each feature, converts a cell's text to a value; an invalid text stays, for `RowReader` to refuse."""
    return tuple(_converter(feature) for feature in features)


def _converter(feature: Feature) -> Convert:
    convert = _OF_DTYPE[feature.dtype]
    # NaN packs as it is; for texts and categories `RowReader` turns None into their missing value.
    missing = None if feature.dtype == "string" or feature.categories is not None else math.nan
    return (lambda text: convert(text) if text else missing) if feature.nullable else convert


def _number(text: str) -> Any:
    value = float(text) if NUMBER.fullmatch(text) else math.inf
    return text if math.isinf(value) else value


def _whole_number(text: str) -> Any:
    value = int(text) if WHOLE_NUMBER.fullmatch(text) else INT64_LEAST - 1
    return value if value >= INT64_LEAST else text  # `RowReader` refuses one that is too large


def _boolean(text: str) -> Any:
    return BOOLEANS.get(text, text)


_OF_DTYPE: dict[str, Convert] = {
    "float64": _number,
    "float32": _number,
    "int64": _whole_number,
    "bool": _boolean,
    "string": str,
}
