"""Exports linear models: one matrix product in double, then the link. Knows nothing of what stands before it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from sklearn import cross_decomposition, discriminant_analysis, linear_model, svm

from convert.exporters.parts.affine import unscaled
from convert.exporters.parts.links import inverse_link
from convert.exporters.parts.shapes import column_of, expit, pair, sigmoid
from convert.exporters.parts.text.products import of_what_occurs
from convert.exporters.registry import PREDICTIONS, Exporter, Prediction
from convert.graph.columns import Columns
from convert.graph.graph import Array, Tensor

REGRESSORS = """
    ARDRegression BayesianRidge ElasticNet ElasticNetCV HuberRegressor Lars LarsCV Lasso LassoCV LassoLars LassoLarsCV
    LassoLarsIC LinearRegression MultiTaskElasticNet MultiTaskElasticNetCV MultiTaskLasso MultiTaskLassoCV
    OrthogonalMatchingPursuit OrthogonalMatchingPursuitCV PassiveAggressiveRegressor QuantileRegressor Ridge RidgeCV
    SGDRegressor TheilSenRegressor
"""


def product(x: Tensor, weights: Array, bias: Array | float) -> Tensor:
    """``x @ weights + bias``: a vector for weights [columns], a matrix for [columns, outputs].

    An affine step in front (a scaler) is folded into the weights where that loses no digits.
    """
    x, weights, bias = unscaled(x, np.asarray(weights, np.float64), np.asarray(bias, np.float64))
    few = of_what_occurs(x, weights)
    if few is not None:
        return few + bias
    if weights.ndim == 1:
        return x @ weights + bias
    return x.graph.op("Gemm", x, *map(x.graph.constant, (weights, np.broadcast_to(bias, weights.shape[1:]))))


def _weights(model: Any) -> Array:
    """``coef_``, which `sparsify` makes sparse."""
    return np.asarray(model.coef_.toarray() if hasattr(model.coef_, "toarray") else model.coef_)


def classifier(e: Exporter, model: Any, x: Columns) -> Prediction:
    """``coef_`` [classes or 1, columns]: scores, and probabilities where the model has them."""
    coef, intercept = _weights(model), np.ravel(model.intercept_)
    if len(model.classes_) == 2:
        return binary(x.numbers(), coef.ravel(), intercept[0] if intercept.size else 0.0)
    scores = product(x.numbers(), coef.T, intercept)
    return Prediction(index=scores.argmax(), scores=scores)


def binary(x: Tensor, weights: Array, bias: float) -> Prediction:
    """One score, positive for the second class. The pair (-d, d) gives a tie to the first, as scikit-learn does."""
    pair = product(x, np.stack([-weights, weights], axis=1), np.array([-bias, bias]))
    second = pair.column(1)
    return Prediction(index=pair.argmax(), scores=second, log_odds=second, probabilities=pair.unary("Sigmoid"))


def logistic(e: Exporter, model: Any, x: Columns) -> Prediction:
    """Softmax over classes; a sigmoid for two. Until 1.7 ``multi_class`` could ask for the other of the two."""
    prediction = classifier(e, model, x)
    scores, given = prediction.need("scores"), getattr(model, "multi_class", None)
    if len(model.classes_) == 2:
        if given != "multinomial":
            return prediction
        return replace(prediction, log_odds=scores * 2.0, probabilities=pair(sigmoid(scores * 2.0)))
    if given == "ovr" or (getattr(model, "solver", "") == "liblinear" and given != "multinomial"):
        each = expit(scores)
        return replace(prediction, probabilities=each / each.reduce("ReduceSum"))
    return replace(prediction, probabilities=scores.unary("Softmax", axis=1))


def without_probabilities(e: Exporter, model: Any, x: Columns) -> Prediction:
    """A classifier that has only ``decision_function``; one of scikit-learn's ridges may have a set of labels."""
    binarizer = getattr(model, "_label_binarizer", None)
    if binarizer is not None and binarizer.y_type_.startswith("multilabel"):
        scores = product(x.numbers(), _weights(model).T, np.ravel(model.intercept_))
        each = [scores.column(label) for label in range(len(model.coef_))]
        return Prediction(targets=tuple(Prediction((score > 0.0).cast(np.int64), scores=score) for score in each))
    return replace(classifier(e, model, x), probabilities=None)


def regressor(e: Exporter, model: Any, x: Columns) -> Prediction:
    """``coef_`` [columns] or [targets, columns]."""
    return Prediction(value=product(x.numbers(), _weights(model).T, model.intercept_))


def stochastic(e: Exporter, model: Any, x: Columns) -> Prediction:
    """SGD and its kin: probabilities only for two of the losses, each class by itself and then normalised."""
    prediction = classifier(e, model, x)
    scores, two = prediction.need("scores"), len(model.classes_) == 2
    loss = getattr(model, "loss", "hinge")
    if loss not in ("log_loss", "modified_huber"):
        return replace(prediction, probabilities=None)
    if loss == "log_loss" and two:
        return prediction
    single = column_of(scores) if two else scores
    if loss == "log_loss":
        each = expit(single)
    else:
        limits = (x.graph.constant(-1.0), x.graph.constant(1.0))
        each = (x.graph.op("Clip", single, *limits) + 1.0) / 2.0
    if two:
        return replace(prediction, probabilities=pair(each))
    summed = each.reduce("ReduceSum")
    none = summed.equals(0.0)
    even = np.float64(1 / len(model.classes_))
    return replace(prediction, probabilities=none.where(even, each / none.where(np.float64(1.0), summed)))


def generalised(e: Exporter, model: Any, x: Columns) -> Prediction:
    """A linear model of the logarithm, or of the value itself."""
    raw = product(x.numbers(), np.asarray(model.coef_), model.intercept_)
    return Prediction(value=inverse_link(model._base_loss, raw))


def centred(e: Exporter, model: Any, x: Columns) -> Prediction:
    """Partial least squares: a linear model round the means."""
    value = (x.numbers() - model._x_mean) @ np.asarray(model.coef_).T + model.intercept_
    return Prediction(value=value.reshape(-1) if model._predict_1d else value)


def one_class(e: Exporter, model: Any, x: Columns) -> Prediction:
    """SGDOneClassSVM: outside below 0."""
    scores = product(x.numbers(), np.ravel(_weights(model)), -np.ravel(model.offset_)[0])
    return Prediction(label=(scores >= 0.0).where(np.int64(1), x.graph.constant(np.int64(-1))), scores=scores)


def _classes(*names: str) -> list[type]:
    return [getattr(linear_model, name) for name in names]


PREDICTIONS.update(
    dict.fromkeys(_classes("LogisticRegression", "LogisticRegressionCV"), logistic)
    | dict.fromkeys([discriminant_analysis.LinearDiscriminantAnalysis], logistic)
    | dict.fromkeys([*_classes("RidgeClassifier", "RidgeClassifierCV"), svm.LinearSVC], without_probabilities)
    | dict.fromkeys(_classes("SGDClassifier", "Perceptron", "PassiveAggressiveClassifier"), stochastic)
    | dict.fromkeys(_classes("GammaRegressor", "PoissonRegressor", "TweedieRegressor"), generalised)
    | dict.fromkeys([getattr(cross_decomposition, name) for name in ("CCA", "PLSCanonical", "PLSRegression")], centred)
    | {linear_model.SGDOneClassSVM: one_class}
    | dict.fromkeys([*_classes(*REGRESSORS.split()), svm.LinearSVR], regressor)
)
