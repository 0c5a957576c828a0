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
    return _without_nan(make()[:MOST_ROWS])


def rows_in(data: Path) -> Rows:
    """The first 300 rows of a CSV file with the model's columns, in its order; an empty cell is a missing value."""
    import pandas

    try:
        return _without_nan(pandas.read_csv(data, nrows=MOST_ROWS).to_numpy())
    except FileNotFoundError:
        raise BenchError(f"no file {data}") from None


def _from_scikit_learn(name: str, **options: bool) -> Callable[[], Any]:
    """The rows of a data set that comes with scikit-learn."""

    def load() -> Any:
        from sklearn import datasets

        return getattr(datasets, name)(**options).data

    return load


def _churn() -> Any:
    from examples.train import customers

    return customers()[0].to_numpy()


def _without_nan(table: Any) -> Rows:
    return [[None if cell != cell else cell for cell in row] for row in table.tolist()]


ROWS: dict[str, Callable[[], Any]] = {
    "iris": _from_scikit_learn("load_iris"),
    "diabetes": _from_scikit_learn("load_diabetes", scaled=False),
    "breast-cancer": _from_scikit_learn("load_breast_cancer"),
    "churn": _churn,
}
