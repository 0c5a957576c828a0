"""Owns rows by column, as tensors and as JSON. Knows nothing of estimators."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from convert.graph.graph import Array
from server.artefact.metadata import MISSING_TEXT, Feature, Scalar

Table = Mapping[str, Array]  # by feature name: float64 (NaN = missing), bool, or objects of str (None = missing)


def length(table: Table) -> int:
    """How many rows there are."""
    return len(next(iter(table.values())))


def rows_at(table: Table, where: Any) -> Table:
    """Some of the rows, by mask, slice or positions."""
    return {name: values[where] for name, values in table.items()}


def stacked(tables: Sequence[Table]) -> Table:
    """All rows of several tables with the same columns."""
    return {name: np.concatenate([table[name] for table in tables]) for name in tables[0]}


def for_graph(table: Table, features: Sequence[Feature]) -> dict[str, Array]:
    """One tensor ``[rows, columns]`` per graph input."""
    tensors: dict[str, list[Array]] = {}
    for feature in features:
        tensors.setdefault(feature.input, []).append(_tensor(table[feature.name], feature))
    return {name: np.column_stack(parts) for name, parts in tensors.items()}


def _tensor(values: Array, feature: Feature) -> Array:
    if feature.dtype == "string":
        return np.array([MISSING_TEXT if value is None else value for value in values], object)
    return values.astype(feature.dtype)


def as_json(table: Table) -> tuple[tuple[Scalar, ...], ...]:
    """Rows as JSON values, missing ones as None."""
    return tuple(zip(*([_scalar(value) for value in values] for values in table.values()), strict=True))


def _scalar(value: Any) -> Scalar:
    plain = value.item() if isinstance(value, np.generic) else value
    return None if isinstance(plain, float) and np.isnan(plain) else plain


def from_json(rows: Sequence[Sequence[Scalar]], features: Sequence[Feature]) -> Table:
    """The table that `as_json` wrote."""
    by_column = zip(*rows, strict=True) if rows else ((),) * len(features)
    return {feature.name: _column(values, feature) for feature, values in zip(features, by_column, strict=True)}


def _column(values: Sequence[Scalar], feature: Feature) -> Array:
    if feature.dtype == "string":
        return np.array(values, object)
    if feature.dtype == "bool":
        return np.array(values, np.bool_)
    return np.array([np.nan if value is None else value for value in values], np.float64)
