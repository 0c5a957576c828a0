"""Owns which models are asked and with which requests: the examples, and two made on the spot. Knows no servers."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from bench.errors import BenchError
from bench.load.cases import Case, load_model, make_cases
from bench.load.rows import rows_for

EXAMPLES: Mapping[str, str] = {
    "iris": "scaler and logistic regression, 4 features",
    "diabetes": "scaler and ridge, 10 features",
    "breast-cancer": "forest of 100 trees, 30 features",
    "churn": "imputers, encoders and logistic regression, 19 mixed features",
}
HEAVY = "heavy"
WIDE = "wide"
HEAVY_FEATURES, HEAVY_UNITS = 64, 512
WIDE_ROWS, WIDE_FEATURES, WIDE_BODIES = 1000, 50, 3
_ROWS = 300


@dataclass(frozen=True, slots=True)
class Subject:
    """A model as pickle and as artefact, and requests with the pickle's own answers.

    ``plain_output`` is the only output of an artefact without dynonnx's metadata, which dynonnx answers by its name.
    """

    name: str
    title: str
    pickle: Path
    artefact: Path
    cases: list[Case]
    plain_output: str | None = None

    @property
    def dynonnx_cases(self) -> list[Case]:
        """The requests as dynonnx answers them."""
        output = self.plain_output
        return self.cases if output is None else [_by_name(case, output) for case in self.cases]


def example(name: str, pickles: Path, models: Path) -> Subject:
    """One of the examples, a row a request. Raises BenchError where `make models` has not made it."""
    pickle, artefact = pickles / f"{name}.pkl", models / name / "1" / "model.onnx"
    for file in (pickle, artefact):
        if not file.exists():
            raise BenchError(f"{file} is missing; `make models` makes the example models")
    cases = make_cases(load_model(pickle), rows_for(name))
    return Subject(name, f"{name}: {EXAMPLES[name]}; one row a request", pickle, artefact, cases)


def heavy(folder: Path) -> Subject:
    """A perceptron whose run, not the front, is what a request costs; one row a request."""
    from sklearn.neural_network import MLPRegressor

    estimator = MLPRegressor(hidden_layer_sizes=(HEAVY_UNITS, HEAVY_UNITS), max_iter=1, random_state=0)
    title = f"{HEAVY}: perceptron {HEAVY_FEATURES}-{HEAVY_UNITS}-{HEAVY_UNITS}-1; one row a request"
    return _made(HEAVY, title, estimator, _table(_ROWS, HEAVY_FEATURES), folder, 0)


def wide(folder: Path) -> Subject:
    """A linear model asked a thousand rows at once, where nearly all is JSON."""
    from sklearn.linear_model import LinearRegression

    title = f"{WIDE}: linear regression, {WIDE_FEATURES} features; {WIDE_ROWS:,} rows a request"
    return _made(
        WIDE, title, LinearRegression(), _table(WIDE_ROWS * WIDE_BODIES, WIDE_FEATURES), folder, rows_each=WIDE_ROWS
    )


def _table(rows: int, features: int) -> Any:
    import pandas

    values = np.random.default_rng(0).normal(size=(rows, features))
    return pandas.DataFrame(values, columns=[f"x{number}" for number in range(features)])


def _made(name: str, title: str, estimator: Any, table: Any, folder: Path, rows_each: int) -> Subject:
    """The estimator fitted to ``table`` and left in ``folder`` as pickle and as plain ONNX file."""
    import joblib
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import DoubleTensorType

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a fit that ends early: its speed matters, not its sense
        estimator.fit(table, table.to_numpy() @ np.linspace(-1.0, 1.0, table.shape[1]))
    graph = to_onnx(estimator, initial_types=[("X", DoubleTensorType([None, table.shape[1]]))])
    folder.mkdir(parents=True, exist_ok=True)
    pickle, artefact = folder / f"{name}.pkl", folder / f"{name}.onnx"
    joblib.dump(estimator, pickle)
    artefact.write_bytes(graph.SerializeToString())
    cases = make_cases(estimator, table.to_numpy().tolist(), rows_each=rows_each)
    return Subject(name, title, pickle, artefact, cases, plain_output=graph.graph.output[0].name)


def _by_name(case: Case, output: str) -> Case:
    """``{"prediction": p}`` as ``{"outputs": {output: [p]}}``, with a list of such rows for a list of rows."""
    answer: Any = case.expected["prediction"]
    rows = [[value] for value in answer] if isinstance(answer, list) else [answer]
    return replace(case, expected={"outputs": {output: rows}})
