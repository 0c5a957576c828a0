"""Owns the reading of a person's own rows (--data) and their fit to the schema. Knows nothing of what they prove."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from pathlib import PurePath
from typing import Any

import numpy as np
import pandas

from convert.errors import Refused
from convert.graph.graph import Array
from convert.original.table import Table
from server.artefact.metadata import SINCE_1970, Feature

MOST_TEXTS = 300  # of a column, by which own code is recorded and proven
READERS = {
    ".csv": pandas.read_csv,
    ".parquet": pandas.read_parquet,
    ".json": pandas.read_json,
    ".npy": lambda file: pandas.DataFrame(np.load(file, allow_pickle=False)),
}


def read_rows(name: str, content: bytes) -> Any:
    """The table in a CSV, Parquet, JSON or NPY file of this name. Raises Refused."""
    reader = READERS.get(PurePath(name).suffix.lower())
    if reader is None:
        raise Refused(f"--data {name}: unknown kind of file", f"give one of {', '.join(READERS)}")
    try:
        table = reader(io.BytesIO(content))
    except MemoryError:
        raise
    except Exception as error:  # a reader of another's library raises what it likes
        raise Refused(f"--data {name} does not read: {error}", "check the file") from error
    if not isinstance(table, pandas.DataFrame) or table.empty:
        raise Refused(f"--data {name} holds no rows", "give a header and at least one row behind it")
    return table


def kinds_of(table: Any | None) -> dict[str, bool]:
    """By the name of each column, whether it holds texts; empty without a table."""
    columns = {} if table is None else {str(name): column for name, column in table.items()}
    return {name: not pandas.api.types.is_numeric_dtype(column.dtype) for name, column in columns.items()}


def texts_of(table: Any | None) -> dict[str, list[str]]:
    """By the name of each column of texts the first few hundred of them, each once; empty without a table."""
    columns = {} if table is None else {str(name): column for name, column in table.items()}
    texts = {name: columns[name].dropna() for name, holds in kinds_of(table).items() if holds}
    return {name: list(dict.fromkeys(held[held.map(type).eq(str)]))[:MOST_TEXTS] for name, held in texts.items()}


def column_names(table: Any, width: int) -> tuple[str, ...] | None:
    """The names that a table gives to the columns of a model without names; None where its header is no names."""
    names = [name for name in table.columns if isinstance(name, str) and name.strip() and not _is_number(name)]
    return tuple(names) if len(names) == len(set(names)) == len(table.columns) == width else None


def _seconds(column: Any) -> Any:
    """Dates, also as texts in ISO 8601, as seconds since 1970; numbers are such already."""
    if pandas.api.types.is_numeric_dtype(column.dtype):
        return column
    try:
        dates = pandas.to_datetime(column, format="ISO8601")
    except (TypeError, ValueError) as error:
        raise Refused(
            f"--data: column '{column.name}' holds dates that are not written as ISO 8601 has them",
            "write them as 2024-05-31 or 2024-05-31T12:00:00, as requests to the file do: own code that reads them in a"
            " form of its own gets moments in place of texts",
        ) from error
    local = dates if dates.dt.tz is None else dates.dt.tz_localize(None)
    return (local - pandas.Timestamp(0)) / pandas.Timedelta(seconds=1)


def _cells(column: Any) -> Iterator[tuple[Any, bool]]:
    """Each value, and whether it is missing."""
    return zip(column, pandas.isna(column), strict=True)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def fit_to_schema(table: Any, features: Sequence[Feature]) -> Table:
    """The features' columns of a table: by name, or by position where none of the names is there and the width fits.

    Columns the model does not take are left out. Raises Refused for a column that is missing or of another type.
    """
    names = [str(name) for name in table.columns]
    wanted = [feature.name for feature in features]
    if not set(wanted) & set(names) and len(names) == len(wanted):
        names = wanted
    missing = [name for name in wanted if name not in names]
    if missing:
        raise Refused(f"--data has no column '{missing[0]}'", f"its columns must include {', '.join(wanted)}")
    return {feature.name: _values(table.iloc[:, names.index(feature.name)], feature) for feature in features}


def _values(column: Any, feature: Feature) -> Array:
    """A column of any of pandas' types: of categories, with pandas.NA, of texts that pyarrow holds."""
    if feature.dtype == "string":
        nothing = None if feature.nullable else ""  # an empty cell of a file, where no text may be missing
        return np.array([nothing if gone else str(value) for value, gone in _cells(column)], object)
    try:
        if feature.unit == SINCE_1970:
            column = _seconds(column)
        if feature.dtype == "bool":
            if pandas.isna(column).any():
                raise Refused(
                    f"--data: column '{feature.name}' is no bool: it is missing in some rows, and may be in none",
                    "leave such rows out of --data, or fit on numbers or texts, of which one may be missing",
                )
            return np.asarray(column, np.bool_)
        return np.array([np.nan if gone else value for value, gone in _cells(column)], np.float64)
    except (TypeError, ValueError) as error:
        raise Refused(f"--data: column '{feature.name}' is no {feature.dtype}: {error}", "check the file") from error
