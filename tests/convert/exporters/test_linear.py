"""Linear models, alone and behind a scaler: in double all through."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
from sklearn import linear_model, svm
from sklearn.datasets import load_iris
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler

from convert.exporters.registry import Exporter, load_families
from convert.graph.columns import columns
from convert.graph.graph import Graph
from convert.job import Converted
from server.artefact.runtime import Runtime

Agrees = Callable[..., Converted]


RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(300, 6)) * [1, 10, 100, 1, 0.01, 1] + [0, 0, 1000, 5, 0, -3]
LABELS = {
    "two words": np.array(["no", "yes"])[(X[:, 0] > 0).astype(int)],
    "three words": np.array(["é", "b", "long one"])[np.digitize(X[:, 0], [-0.5, 0.5])],
    "booleans": X[:, 0] > 0,
    "integers from five": np.digitize(X[:, 0], [-0.5, 0.5]) + 5,
    "floats": np.digitize(X[:, 0], [-0.5, 0.5]) + 0.0,
}
CLASSIFIERS = (
    linear_model.LogisticRegression(max_iter=5000),
    linear_model.RidgeClassifier(),
    linear_model.Perceptron(),
    svm.LinearSVC(),
)
REGRESSORS = (
    linear_model.LinearRegression(),
    linear_model.Ridge(),
    linear_model.RidgeCV(),
    linear_model.Lasso(0.01),
    linear_model.ElasticNet(0.01),
    linear_model.BayesianRidge(),
    linear_model.HuberRegressor(max_iter=1000),
)


@pytest.mark.parametrize("labels", LABELS)
@pytest.mark.parametrize("model", CLASSIFIERS, ids=lambda model: type(model).__name__)
def test_classifiers_keep_the_labels_type(agrees: Agrees, model: Any, labels: str) -> None:
    done = agrees(make_pipeline(StandardScaler(), model).fit(X, LABELS[labels]))
    assert done.artefact.classes == tuple(sorted(set(LABELS[labels].tolist())))
    assert {type(label) for label in done.artefact.golden.outputs["label"]} == {type(LABELS[labels].tolist()[0])}


@pytest.mark.parametrize("model", REGRESSORS[:3], ids=lambda model: type(model).__name__)
def test_regressors(agrees: Agrees, model: Any) -> None:
    agrees(make_pipeline(StandardScaler(), model).fit(X, X @ np.arange(6) + 3))


@pytest.mark.parametrize("scaler", [StandardScaler(), RobustScaler(), MinMaxScaler(clip=True), MaxAbsScaler()])
def test_scalers(agrees: Agrees, scaler: Any) -> None:
    agrees(make_pipeline(scaler, linear_model.Ridge()).fit(X, X[:, 0]))
    agrees(scaler.fit(X))


def test_shares_of_tiny_probabilities_are_kept(agrees: Agrees) -> None:
    """Far outside each of three says no with certainty, and scikit-learn still shares out what is left."""
    x, y = load_iris(return_X_y=True)
    agrees(OneVsRestClassifier(linear_model.LogisticRegression()).fit(x, y))


@pytest.mark.parametrize("low", [-700.0, -709.7, -709.8, -720.0, -744.0, -800.0])
def test_shares_of_what_is_nothing_to_scipy_are_even(low: float) -> None:
    model = linear_model.SGDClassifier(loss="log_loss", max_iter=2, tol=None, random_state=0).fit(
        [[0.0], [1.0], [2.0]], ["a", "b", "c"]
    )
    model.coef_, model.intercept_ = np.array([[1.0], [0.0], [0.0]]), np.array([low, -2000.0, -3000.0])
    load_families()
    graph = Graph()
    made = Exporter(graph).predict(model, columns(graph.input("X", np.float64, 1), 1)).need("probabilities")
    runtime = Runtime(graph.finish({"p": made}, {"p": (3,)}).SerializeToString())
    rows = np.array([[0.0], [0.5], [-0.5], [700.0]])
    np.testing.assert_allclose(runtime.run(["p"], {"X": rows})[0], model.predict_proba(rows), atol=1e-12)


def test_several_targets(agrees: Agrees) -> None:
    agrees(linear_model.LinearRegression().fit(X, X[:, :3]))


def test_a_scaler_is_folded_into_the_weights(agrees: Agrees) -> None:
    done = agrees(make_pipeline(StandardScaler(), linear_model.LogisticRegression()).fit(X, LABELS["three words"]))
    operators = [node.op_type for node in onnx.load_from_string(done.onnx).graph.node]
    assert sorted(operators) == ["ArgMax", "Gather", "Gemm", "Softmax"]


def test_a_scaler_is_not_folded_where_that_loses_digits(agrees: Agrees) -> None:
    x = 1e9 + 1e-3 * RANDOM.normal(size=(300, 3))
    done = agrees(make_pipeline(StandardScaler(), linear_model.Ridge()).fit(x, x[:, 0] - 1e9))
    assert "Sub" in [node.op_type for node in onnx.load_from_string(done.onnx).graph.node]
