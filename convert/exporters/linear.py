"""Exports linear models: one matrix product in double, then the link. Knows nothing of what stands before it."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn import linear_model, svm

from convert.columns import Columns
from convert.exporters.affine import unscaled
from convert.exporters.registry import PREDICTIONS, Exporter, Prediction
from convert.graph import Array, Tensor


def product(x: Tensor, weights: Array, bias: Array | float) -> Tensor:
    """``x @ weights + bias``: a vector for weights [columns], a matrix for [columns, outputs].

    An affine step in front (a scaler) is folded into the weights where that loses no digits.
    """
    x, weights, bias = unscaled(x, np.asarray(weights, np.float64), np.asarray(bias, np.float64))
    if weights.ndim == 1:
        return x @ weights + bias
    return x.graph.op("Gemm", x, *map(x.graph.constant, (weights, np.broadcast_to(bias, weights.shape[1:]))))


def classifier(e: Exporter, model: Any, x: Columns) -> Prediction:
    """``coef_`` [classes or 1, columns]: scores, and probabilities where the model has them."""
    coef, intercept = np.asarray(model.coef_), np.ravel(model.intercept_)
    if len(model.classes_) == 2:
        return binary(x.numbers(), coef.ravel(), intercept[0] if intercept.size else 0.0)
    scores = product(x.numbers(), coef.T, intercept)
    return Prediction(index=scores.argmax(), scores=scores)


def binary(x: Tensor, weights: Array, bias: float) -> Prediction:
    """One score, positive for the second class. The pair (-d, d) gives a tie to the first, as scikit-learn does."""
    pair = product(x, np.stack([-weights, weights], axis=1), np.array([-bias, bias]))
    return Prediction(index=pair.argmax(), scores=pair.column(1), probabilities=pair.unary("Sigmoid"))


def logistic(e: Exporter, model: Any, x: Columns) -> Prediction:
    """Softmax over classes; a sigmoid for two."""
    found = classifier(e, model, x)
    if len(model.classes_) == 2:
        return found
    scores = found.need("scores")
    return Prediction(index=found.index, scores=scores, probabilities=scores.unary("Softmax", axis=1))


def without_probabilities(e: Exporter, model: Any, x: Columns) -> Prediction:
    """A classifier that has only ``decision_function``."""
    found = classifier(e, model, x)
    return Prediction(index=found.index, scores=found.scores)


def regressor(e: Exporter, model: Any, x: Columns) -> Prediction:
    """``coef_`` [columns] or [targets, columns]."""
    return Prediction(value=product(x.numbers(), np.asarray(model.coef_).T, model.intercept_))


PREDICTIONS.update(
    dict.fromkeys((linear_model.LogisticRegression, linear_model.LogisticRegressionCV), logistic)
    | dict.fromkeys(
        (
            linear_model.RidgeClassifier,
            linear_model.RidgeClassifierCV,
            linear_model.Perceptron,
            svm.LinearSVC,
        ),
        without_probabilities,
    )
    | dict.fromkeys(
        (
            linear_model.LinearRegression,
            linear_model.Ridge,
            linear_model.RidgeCV,
            linear_model.Lasso,
            linear_model.LassoCV,
            linear_model.ElasticNet,
            linear_model.ElasticNetCV,
            linear_model.BayesianRidge,
            linear_model.ARDRegression,
            linear_model.HuberRegressor,
            linear_model.SGDRegressor,
            linear_model.TheilSenRegressor,
            linear_model.QuantileRegressor,
            svm.LinearSVR,
        ),
        regressor,
    )
)
