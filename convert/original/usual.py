"""Owns one row as a model was made for it, by the hints of its columns. Knows nothing of schemas."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from convert.original.hints.column_hints import ColumnHint
from convert.original.table import Table

UNSEEN_TEXT = "never seen: é"


def usual_row(names: Sequence[str], hints: Sequence[ColumnHint]) -> Table:
    """One row the model was made for."""
    return {name: _array([_usual(hint)], hint) for name, hint in zip(names, hints, strict=True)}


def _usual(hint: ColumnHint) -> Any:
    known = [value for value in hint.known if not is_missing(value)]
    if known and not hint.shaped:
        return known[0]
    if hint.text and hint.given:
        return hint.given[0]
    if hint.text:
        return UNSEEN_TEXT
    told = hint.centre if hint.centre is not None else float(np.median(hint.points)) if hint.points else 1.0
    return (abs(told) or 1.0) if hint.nonzero else told


def _array(values: list[Any], hint: ColumnHint) -> Any:
    if hint.text:
        return np.array(values, object)
    return np.array(values, np.bool_ if hint.boolean else np.float64)


def is_missing(value: Any) -> bool:
    """Whether a category is the missing one: None or NaN."""
    return value is None or bool(value != value)
