"""Owns which models are asked and with which requests: the examples, and some made on the spot. Knows no servers."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from bench.errors import BenchError
from bench.load.cases import Case, load_model, make_cases
from bench.load.rows import rows_for

EXAMPLES: Mapping[str, str] = {
    "iris": "scaler and logistic regression, 4 features",
    "diabetes": "scaler and ridge, 10 features",
    "breast-cancer": "forest of 100 trees, 30 features",
    "churn": "imputers, encoders and logistic regression, 19 mixed features",
}
HEAVY, WIDE = "heavy", "wide"
HEAVY_FEATURES, HEAVY_UNITS = 64, 512
WIDE_ROWS, WIDE_FEATURES, WIDE_BODIES = 1000, 50, 3
TENSOR_TREES, TENSOR_DEPTH = 100, 10
_ROWS = 300


@dataclass(frozen=True, slots=True)
class ModelUnderTest:
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


def files_of(name: str, pickles: Path, models: Path) -> tuple[Path, Path]:
    """Pickle and artefact of an example. Raises BenchError where `make models` has not made them."""
    files = pickles / f"{name}.pkl", models / name / "1" / "model.onnx"
    for file in files:
        if not file.exists():
            raise BenchError(f"{file} is missing; `make models` makes the example models")
    return files


def example(name: str, pickles: Path, models: Path) -> ModelUnderTest:
    """One of the examples, a row a request. Raises BenchError where it has not been made."""
    pickle, artefact = files_of(name, pickles, models)
    cases = make_cases(load_model(pickle), rows_for(name))
    return ModelUnderTest(name, f"{name}: {EXAMPLES[name]}; one row a request", pickle, artefact, cases)


def heavy(folder: Path) -> ModelUnderTest:
    """A perceptron whose run, not the front, is what a request costs; one row a request."""
    from sklearn.neural_network import MLPRegressor

    estimator = MLPRegressor(hidden_layer_sizes=(HEAVY_UNITS, HEAVY_UNITS), max_iter=1, random_state=0)
    title = f"{HEAVY}: perceptron {HEAVY_FEATURES}-{HEAVY_UNITS}-{HEAVY_UNITS}-1; one row a request"
    return _with_cases(HEAVY, title, estimator, _normal(_ROWS, HEAVY_FEATURES), folder, 0)


def wide(folder: Path) -> ModelUnderTest:
    """A linear model asked a thousand rows at once, where nearly all is JSON."""
    from sklearn.linear_model import LinearRegression

    title = f"{WIDE}: linear regression, {WIDE_FEATURES} features; {WIDE_ROWS:,} rows a request"
    return _with_cases(
        WIDE, title, LinearRegression(), _normal(WIDE_ROWS * WIDE_BODIES, WIDE_FEATURES), folder, WIDE_ROWS
    )


def tensor_rows() -> Any:
    """What every request with a binary tensor brings."""
    return _normal(WIDE_ROWS, WIDE_FEATURES).astype(np.float32)


def tensor_models(folder: Path) -> list[ModelUnderTest]:
    """A forest, whose run is what a request costs, and a linear model, where nearly all is the way there and back."""
    import onnxruntime
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.linear_model import LinearRegression

    forest, rows, made = RandomForestRegressor(TENSOR_TREES, max_depth=TENSOR_DEPTH, random_state=0), tensor_rows(), []
    for name, estimator in (("forest", forest), ("linear", LinearRegression())):
        model = _fitted(name, name, estimator, rows, folder)
        answer = onnxruntime.InferenceSession(model.artefact).run(None, {"X": rows[:1]})[0].tolist()
        body = orjson.dumps({"features": rows[:1].tolist()})
        made.append(replace(model, cases=[Case("/predict", body, {"outputs": {model.plain_output: answer}})]))
    return made


def _normal(rows: int, features: int) -> Any:
    return np.random.default_rng(0).normal(size=(rows, features))


def _with_cases(name: str, title: str, estimator: Any, rows: Any, folder: Path, rows_each: int) -> ModelUnderTest:
    model = _fitted(name, title, estimator, rows, folder)
    return replace(model, cases=make_cases(estimator, rows.tolist(), rows_each=rows_each))


def _fitted(name: str, title: str, estimator: Any, rows: Any, folder: Path) -> ModelUnderTest:
    """The estimator fitted to ``rows`` and left in ``folder`` as pickle and as plain ONNX file."""
    import joblib
    import pandas
    from skl2onnx import to_onnx

    table = pandas.DataFrame(rows, columns=[f"x{number}" for number in range(rows.shape[1])])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a fit that ends early: its speed matters, not its sense
        estimator.fit(table, rows @ np.linspace(-1.0, 1.0, rows.shape[1]))
    graph = to_onnx(estimator, rows[:1])
    folder.mkdir(parents=True, exist_ok=True)
    pickle, artefact = folder / f"{name}.pkl", folder / f"{name}.onnx"
    joblib.dump(estimator, pickle)
    artefact.write_bytes(graph.SerializeToString())
    return ModelUnderTest(name, title, pickle, artefact, [], graph.graph.output[0].name)


def _by_name(case: Case, output: str) -> Case:
    """``{"prediction": p}`` as ``{"outputs": {output: [p]}}``, with a list of such rows for a list of rows."""
    answer: Any = case.expected["prediction"]
    rows = [[value] for value in answer] if isinstance(answer, list) else [answer]
    return replace(case, expected={"outputs": {output: rows}})
