"""Owns rows by column as scikit-learn takes them: a DataFrame or an array. Knows nothing of estimators.

Plain Python 3.8: see this package.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Collection, Iterable, Mapping, NamedTuple, Tuple  # noqa: UP035  3.8 has no others

import numpy as np
import pandas

if TYPE_CHECKING:
    Array = np.ndarray[Any, Any]

PER_SECOND = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}  # pandas' units of dates
MOST_TICKS = 9.2e18  # of a unit: what is farther away is no date
Table = Mapping[str, "Array"]  # by feature name: float64 (NaN = missing), bool, or objects of str (None = missing)


class Categories(NamedTuple):
    """What a pandas column of categories knows; where it is ``closed``, the model takes no others."""

    values: Tuple[Any, ...]  # noqa: UP006
    closed: bool


def for_model(
    table: Table,
    named: bool,
    native: Mapping[str, Categories] = MappingProxyType({}),
    nones: Collection[str] = frozenset(),
    dates: Mapping[str, str] = MappingProxyType({}),
    own_texts: bool = False,
    flags: Collection[str] = frozenset(),
) -> Any:
    """What the original takes: a DataFrame where it was fitted on names, else one array (objects if any text).

    The columns in ``native`` become pandas categories; in those of ``nones`` a missing value is None, else it is NaN;
    those in ``dates`` hold seconds since 1970 and become dates of that unit. Texts are objects, or with ``own_texts``
    what pandas itself makes of them; the numbers in ``flags`` are True, False and missing, as objects. Whole
    numbers stay such in a DataFrame, and in an array that holds no others.
    Raises ValueError for a category that a closed column does not know, and for dates in an array.
    """
    table = {name: _with_none(values) if name in nones else values for name, values in table.items()}
    table = {name: _as_flags(values) if name in flags else values for name, values in table.items()}
    if dates and not named:
        raise ValueError("dates in an array")
    table = {name: dates_of(values, dates[name]) if name in dates else values for name, values in table.items()}
    if named:
        return pandas.DataFrame(
            {
                name: _categorical(values, native[name])
                if name in native
                else _series(values, name in nones, own_texts and name not in nones)
                for name, values in table.items()
            }
        )
    arrays = list(table.values())
    if all(values.dtype.kind != "O" for values in arrays):
        whole = all(values.dtype.kind == "i" for values in arrays)
        return np.column_stack(arrays).astype(np.int64 if whole else np.float64)
    return np.column_stack([_objects(values, name in nones) for name, values in table.items()])


def as_records(table: Table) -> Any:
    """One dict for each row, without the names whose value is missing."""
    rows = zip(*(values.tolist() for values in table.values()))  # noqa: B905  3.8 has no strict
    return [_record(table, row) for row in rows]


def _record(names: Iterable[str], row: Iterable[Any]) -> Any:
    given = zip(names, row)  # noqa: B905
    return {name: value for name, value in given if not (value is None or value != value)}


def _with_none(values: Array) -> Array:
    return np.array([None if value is None or value != value else value for value in values], object)


def _as_flags(values: Array) -> Array:
    return np.array([bool(value) if value in (0, 1) else value for value in values.tolist()], object)


def _categorical(values: Array, known: Categories) -> Any:
    """An unknown category is a missing one, as it is when pandas takes over the categories of another column."""
    categories = pandas.Index(list(known.values))
    codes = categories.get_indexer(pandas.Index(values, dtype=object if values.dtype.kind == "O" else None))
    if known.closed and (codes[~pandas.isna(values)] < 0).any():
        raise ValueError("a category that the model does not know")
    return pandas.Categorical.from_codes(codes, categories=categories)


def dates_of(seconds: Array, unit: str) -> Array:
    """Numpy's dates of seconds since 1970, to the nearest ``unit``; a missing number, or one too large, is NaT."""
    counts = np.round(np.nan_to_num(seconds) * PER_SECOND[unit])
    there = ~np.isnan(seconds) & (np.abs(counts) <= MOST_TICKS)
    dates: Array = np.where(there, counts, 0).astype(np.int64).astype("datetime64[" + unit + "]")
    dates[~there] = np.datetime64("NaT")
    return dates


def _series(values: Array, nones: bool, own_texts: bool) -> Any:
    if values.dtype.kind != "O":
        return values
    return pandas.Series(_objects(values, nones), dtype=pandas.Series(["a"]).dtype if own_texts else object)


def _objects(values: Array, nones: bool) -> Array:
    if nones or values.dtype.kind != "O":
        return values.astype(object)
    return np.array([np.nan if value is None else value for value in values], object)
