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
    """The most frequent class, or a constant one, of each target; random strategies cannot be repeated."""
    if model.strategy in ("uniform", "stratified"):
        raise Refused(f"a {model.strategy} DummyClassifier answers at random", "use 'prior'")
    several = model.n_outputs_ > 1
    priors = model.class_prior_ if several else [model.class_prior_]
    known = model.classes_ if several else [model.classes_]
    given = np.ravel(model.constant) if model.strategy == "constant" else [None] * len(priors)
    each = [
        _one_target(x, model.strategy, np.asarray(prior), np.asarray(classes), value)
        for prior, classes, value in zip(priors, known, given, strict=True)
    ]
    return Prediction(targets=tuple(each)) if several else each[0]


def _one_target(x: Columns, strategy: str, prior: Array, classes: Array, value: Any) -> Prediction:
    best = int(np.flatnonzero(classes == value)[0]) if strategy == "constant" else int(prior.argmax())
    return Prediction(
        index=constant(x, np.array([best])).reshape(-1).cast(np.int64),
        probabilities=constant(x, prior if strategy == "prior" else np.eye(len(prior))[best]),
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
