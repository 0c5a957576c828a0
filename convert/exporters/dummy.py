"""Exports what answers without looking: dummies. Knows nothing of anything else."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn import dummy
from sklearn.multiclass import _ConstantPredictor

from convert.errors import Refused
from convert.exporters.parts.shapes import column_of
from convert.exporters.registry import PREDICTIONS, Exporter, Prediction
from convert.graph.columns import Columns
from convert.graph.graph import Array, Tensor


def constant(x: Columns, row: Array) -> Tensor:
    """The same row [k] for every row of ``x``: [rows, k]."""
    return x.graph.zeros(x.parts[0][0]) + np.asarray(row, np.float64).reshape(1, -1)


def classifier(e: Exporter, model: Any, x: Columns) -> Prediction:
    """The most frequent class, or a constant one; random strategies cannot be repeated."""
    if model.n_outputs_ > 1 or model.strategy in ("uniform", "stratified"):
        raise Refused(f"a {model.strategy} DummyClassifier answers at random or for several targets", "use 'prior'")
    prior = np.asarray(model.class_prior_)
    best = int(prior.argmax())
    if model.strategy == "constant":
        best = int(np.flatnonzero(np.asarray(model.classes_) == np.ravel(model.constant)[0])[0])
    sure = np.eye(len(prior))[best]
    return Prediction(
        index=constant(x, np.array([best])).reshape(-1).cast(np.int64),
        probabilities=constant(x, prior if model.strategy == "prior" else sure),
    )


def regressor(e: Exporter, model: Any, x: Columns) -> Prediction:
    """The mean, median, quantile or constant of each target."""
    values = constant(x, np.ravel(model.constant_))
    return Prediction(value=values.reshape(-1) if model.n_outputs_ == 1 else values)


def constant_class(e: Exporter, model: Any, x: Columns) -> Prediction:
    """What multi-class wrappers keep for a class that never varies."""
    y = float(np.ravel(model.y_)[0])
    score = constant(x, np.array([y])).reshape(-1)
    second = column_of(score)
    return Prediction(index=score.cast(np.int64), scores=score, probabilities=x.graph.concat([1.0 - second, second]))


PREDICTIONS.update(
    {dummy.DummyClassifier: classifier, dummy.DummyRegressor: regressor, _ConstantPredictor: constant_class}
)
