"""Owns the reading of a person's own rows (--data). Knows nothing of what they are compared with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas

from convert.errors import Refused
from convert.table import Table

READERS = {
    ".csv": pandas.read_csv,
    ".parquet": pandas.read_parquet,
    ".json": pandas.read_json,
    ".npy": lambda path: pandas.DataFrame(np.load(path, allow_pickle=False)),
}


def read_rows(path: Path) -> Table:
    """The rows of a CSV, Parquet, JSON or NPY file, by column name (NPY: x0, x1, ...). Raises Refused."""
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise Refused(f"--data {path.name}: unknown kind of file", f"give one of {', '.join(READERS)}")
    try:
        table = reader(path)
    except (OSError, ValueError, ImportError) as error:
        raise Refused(f"--data {path.name} does not read: {error}", "check the file") from error
    return {_name(column): _values(table[column]) for column in table.columns}


def _name(column: Any) -> str:
    return f"x{column}" if isinstance(column, int) else str(column)


def _values(column: Any) -> Any:
    if column.dtype.kind == "b":
        return column.to_numpy(np.bool_)
    if column.dtype.kind in "fiu":
        return column.to_numpy(np.float64)
    return np.array([None if value is None or value != value else value for value in column], object)
