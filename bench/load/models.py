"""Owns which models are asked about which rows: the examples, and some made on the spot. Knows no servers."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from bench.errors import BenchError
from bench.load.cases import Case, load_model, make_cases

Rows = list[list[Any]]
MOST_ROWS = 300
EXAMPLES: Mapping[str, str] = {
    "iris": "scaler and logistic regression, 4 features",
    "diabetes": "scaler and ridge, 10 features",
    "breast-cancer": "forest of 100 trees, 30 features",
    "churn": "imputers, encoders and logistic regression, 19 mixed features",
}
HEAVY, WIDE = "heavy", "wide"
HEAVY_FEATURES, HEAVY_UNITS = 64, 512
WIDE_ROWS, WIDE_FEATURES, WIDE_BODIES = 1000, 50, 3
FOREST_TREES, FOREST_FEATURES, FOREST_ROWS, FOREST_ASKED = 500, 30, 2000, 60
TENSOR_TREES, TENSOR_DEPTH = 100, 10


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
        """The requests as dynonnx answers them: ``{"prediction": p}`` as ``{"outputs": {plain_output: [p]}}``."""
        if self.plain_output is None:
            return self.cases
        predictions = [case.expected["prediction"] for case in self.cases]
        rows = [[[value] for value in answer] if isinstance(answer, list) else [answer] for answer in predictions]
        pairs = zip(self.cases, rows, strict=True)
        return [replace(case, expected={"outputs": {self.plain_output: answer}}) for case, answer in pairs]


def files_of(name: str, pickles: Path, models: Path) -> tuple[Path, Path]:
    """Pickle and artefact of an example. Raises BenchError where `make models` has not made them."""
    files = pickles / f"{name}.pkl", models / name / "1" / "model.onnx"
    for file in files:
        if not file.exists():
            raise BenchError(f"{file} is missing; `make models` makes the example models")
    return files


def rows_for(model: str) -> Rows:
    """Up to 300 rows for an example model, None where a value is missing. Raises BenchError for another model."""
    from sklearn import datasets

    from examples.train import customers

    tables: Mapping[str, Callable[[], Any]] = {
        "iris": lambda: datasets.load_iris().data,
        "diabetes": lambda: datasets.load_diabetes(scaled=False).data,
        "breast-cancer": lambda: datasets.load_breast_cancer().data,
        "churn": lambda: customers()[0].to_numpy(),
    }
    if model not in tables:
        raise BenchError(f"no rows are known for the model {model!r}; there are rows for {', '.join(tables)}")
    return _without_nan(tables[model]()[:MOST_ROWS])


def rows_in(data: Path) -> Rows:
    """The first 300 rows of a CSV file with the model's columns, in its order; an empty cell is a missing value."""
    import pandas

    try:
        return _without_nan(pandas.read_csv(data, nrows=MOST_ROWS).to_numpy())
    except FileNotFoundError:
        raise BenchError(f"no file {data}") from None


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
    return _fitted(HEAVY, title, estimator, _normal(MOST_ROWS, HEAVY_FEATURES), folder)


def wide(folder: Path) -> ModelUnderTest:
    """A linear model asked a thousand rows at once, where nearly all is JSON."""
    from sklearn.linear_model import LinearRegression

    rows, title = _normal(WIDE_ROWS * WIDE_BODIES, WIDE_FEATURES), f"linear regression, {WIDE_FEATURES} features"
    return _fitted(WIDE, f"{WIDE}: {title}; {WIDE_ROWS:,} rows a request", LinearRegression(), rows, folder, WIDE_ROWS)


def forest(folder: Path) -> ModelUnderTest:
    """A forest of 500 trees; one row a request."""
    from sklearn.ensemble import RandomForestRegressor

    rows = _normal(FOREST_ROWS, FOREST_FEATURES).astype(np.float32)
    estimator = RandomForestRegressor(FOREST_TREES, random_state=0)
    return _fitted(
        f"forest-{FOREST_TREES}", f"forest of {FOREST_TREES} trees", estimator, rows, folder, most=FOREST_ASKED
    )


def compared(folder: Path) -> list[ModelUnderTest]:
    """What `bench peers` asks beside iris: a forest, histogram boosting and a perceptron; one row a request."""
    from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
    from sklearn.neural_network import MLPRegressor

    perceptron = MLPRegressor(hidden_layer_sizes=(256, 256), max_iter=20, random_state=0)
    boosting = HistGradientBoostingRegressor(max_iter=200, random_state=0)
    kinds = (  # trees get float32, which is what scikit-learn's forests compare
        ("forest", "forest of 100 trees, 20 features", RandomForestRegressor(100, random_state=0), 20, np.float32),
        ("boosting", "histogram boosting, 200 trees, 50 features", boosting, 50, np.float32),
        ("perceptron", "perceptron 256-256, 100 features", perceptron, 100, np.float64),
    )
    return [
        _fitted(
            name,
            f"{name}: {title}; one row a request",
            estimator,
            _short(features),
            folder,
            most=MOST_ROWS,
            dtype=dtype,
        )
        for name, title, estimator, features, dtype in kinds
    ]


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
        model = _fitted(name, name, estimator, rows, folder, rows_each=WIDE_ROWS)
        answer = onnxruntime.InferenceSession(model.artefact).run(None, {"X": rows[:1]})[0].tolist()
        body = orjson.dumps({"features": rows[:1].tolist()})
        made.append(replace(model, cases=[Case("/predict", body, {"outputs": {model.plain_output: answer}})]))
    return made


def _without_nan(table: Any) -> Rows:
    return [[None if cell != cell else cell for cell in row] for row in table.tolist()]


def _normal(rows: int, features: int) -> Any:
    return np.random.default_rng(0).normal(size=(rows, features))


def _short(features: int) -> Any:
    """Rows as people send them: four digits behind the point."""
    return _normal(FOREST_ROWS, features).round(4)


def _fitted(
    name: str,
    title: str,
    estimator: Any,
    rows: Any,
    folder: Path,
    rows_each: int = 0,
    most: int | None = None,
    dtype: Any = None,
) -> ModelUnderTest:
    """The estimator fitted to ``rows``, asked about ``most``, left in ``folder`` as pickle and as plain ONNX file.

    ``dtype``: of the file's input, that of ``rows`` by default.
    """
    import joblib
    import pandas
    from skl2onnx import to_onnx

    table = pandas.DataFrame(rows, columns=[f"x{number}" for number in range(rows.shape[1])])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a fit that ends early: its speed matters, not its sense
        estimator.fit(table, rows @ np.linspace(-1.0, 1.0, rows.shape[1]))
    graph = to_onnx(estimator, rows[:1].astype(dtype or rows.dtype))
    folder.mkdir(parents=True, exist_ok=True)
    pickle, artefact = folder / f"{name}.pkl", folder / f"{name}.onnx"
    joblib.dump(estimator, pickle)
    artefact.write_bytes(graph.SerializeToString())
    cases = make_cases(estimator, rows[:most].tolist(), rows_each=rows_each)
    return ModelUnderTest(name, title, pickle, artefact, cases, graph.graph.output[0].name)
