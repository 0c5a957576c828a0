"""Owns rows by column in their three forms: what scikit-learn takes, tensors, JSON. Knows nothing of estimators."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas

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


@dataclass(frozen=True, slots=True)
class Categories:
    """What a pandas column of categories knows; where it is ``closed``, the model takes no others."""

    values: tuple[Scalar, ...]
    closed: bool


def for_model(table: Table, named: bool, native: Mapping[str, Categories] = MappingProxyType({})) -> Any:
    """What the original takes: a DataFrame where it was fitted on names, else one array (objects if any text).

    The columns in ``native`` become pandas categories. Raises ValueError for one that a closed column does not know.
    """
    if named:
        return pandas.DataFrame(
            {
                name: _categorical(values, native[name]) if name in native else _series(values)
                for name, values in table.items()
            }
        )
    arrays = list(table.values())
    if all(values.dtype.kind != "O" for values in arrays):
        return np.column_stack(arrays).astype(np.float64)
    return np.column_stack([_objects(values) for values in arrays])


def _categorical(values: Array, known: Categories) -> Any:
    """An unknown category is a missing one, as it is when pandas takes over the categories of another column."""
    categories = pandas.Index(list(known.values))
    codes = categories.get_indexer(pandas.Index(values, dtype=object if values.dtype.kind == "O" else None))
    if known.closed and (codes[~pandas.isna(values)] < 0).any():
        raise ValueError("a category that the model does not know")
    return pandas.Categorical.from_codes(codes, categories=categories)


def _series(values: Array) -> Any:
    return pandas.Series(_objects(values), dtype=object) if values.dtype.kind == "O" else values


def _objects(values: Array) -> Array:
    if values.dtype.kind != "O":
        return values.astype(object)
    return np.array([np.nan if value is None else value for value in values], object)


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
