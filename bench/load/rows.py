"""Owns which real rows a model is asked about. Knows nothing of pickles, requests or servers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.errors import BenchError

Rows = list[list[Any]]

MOST_ROWS = 300


def rows_for(model: str) -> Rows:
    """Up to 300 rows for an example model, None where a value is missing. Raises BenchError for another model."""
    make = ROWS.get(model)
    if make is None:
        raise BenchError(f"no rows are known for the model {model!r}; there are rows for {', '.join(ROWS)}")
    return make()[:MOST_ROWS]


def rows_in(data: Path) -> Rows:
    """The first 300 rows of a CSV file with the model's columns, in its order; an empty cell is a missing value."""
    import pandas

    try:
        table = pandas.read_csv(data, nrows=MOST_ROWS)
    except FileNotFoundError:
        raise BenchError(f"no file {data}") from None
    return _without_nan(table.to_numpy().tolist())


def _iris() -> Rows:
    from sklearn.datasets import load_iris

    return _lists(load_iris().data)


def _diabetes() -> Rows:
    from sklearn.datasets import load_diabetes

    return _lists(load_diabetes(scaled=False).data)


def _breast_cancer() -> Rows:
    from sklearn.datasets import load_breast_cancer

    return _lists(load_breast_cancer().data)


def _churn() -> Rows:
    from examples.train import customers

    table, _ = customers()
    return _without_nan(table.to_numpy().tolist())


def _without_nan(rows: Rows) -> Rows:
    return [[None if cell != cell else cell for cell in row] for row in rows]


def _lists(data: Any) -> Rows:
    rows: Rows = data.tolist()
    return rows


ROWS: dict[str, Callable[[], Rows]] = {
    "iris": _iris,
    "diabetes": _diabetes,
    "breast-cancer": _breast_cancer,
    "churn": _churn,
}
