"""Exports what hands its rows to one estimator inside: searches, thresholds, transformed targets, choices of rows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from sklearn import compose, feature_selection, frozen, linear_model, model_selection, semi_supervised
from sklearn.model_selection._search_successive_halving import HalvingGridSearchCV, HalvingRandomSearchCV

from convert.exporters.functions import apply_function
from convert.exporters.parts.inverse import inverse_transform
from convert.exporters.registry import PREDICTIONS, TRANSFORMS, Exporter, Prediction
from convert.graph.columns import Columns
from convert.inside import inside


def inner_predict(e: Exporter, model: Any, x: Columns) -> Prediction:
    """As the estimator inside predicts."""
    (prediction,) = e.predict_inside(model, x)
    return prediction


def inner_transform(e: Exporter, model: Any, x: Columns) -> Columns:
    """As the estimator inside transforms."""
    (inner,) = inside(model)
    return e.transform(inner.estimator, x, inner.name)


def thresholded(e: Exporter, model: Any, x: Columns) -> Prediction:
    """The positive class where its score reaches the threshold, the other one elsewhere."""
    (inner,), (prediction,) = inside(model), e.predict_inside(model, x)
    method = model._get_response_method()
    wanted = [method] if isinstance(method, str) else list(method)
    used = next(name for name in wanted if hasattr(inner.estimator, name))
    tuned = isinstance(model, model_selection.TunedThresholdClassifierCV)
    label = model._curve_scorer._get_pos_label() if tuned else model.pos_label
    positive = 1 if label is None else int(np.flatnonzero(np.asarray(model.classes_) == label)[0])
    if used == "predict_proba":
        score, usual = prediction.need("probabilities").column(positive), 0.5
    else:
        score, usual = (prediction.need("scores") if positive else -prediction.need("scores")), 0.0
    threshold = model.best_threshold_ if tuned else usual if model.threshold == "auto" else model.threshold
    reached = (score >= float(threshold)).cast(np.int64)
    index = reached if positive else 1 - reached
    return replace(prediction, index=index)


def transformed_target(e: Exporter, model: Any, x: Columns) -> Prediction:
    """The inner regressor's answer, taken back through the transformation of the target."""
    value = inner_predict(e, model, x).need("value")
    matrix = value if model._training_dim > 1 else value.reshape(-1, 1)
    if type(model.transformer_).__name__ == "FunctionTransformer":
        back = apply_function(model.transformer_.inverse_func, model.transformer_.inv_kw_args, matrix)
    else:
        back = inverse_transform(model.transformer_, matrix)
    return Prediction(value=back if model._training_dim > 1 else back.reshape(-1))


SEARCHES = (
    model_selection.GridSearchCV,
    model_selection.RandomizedSearchCV,
    HalvingGridSearchCV,
    HalvingRandomSearchCV,
)
OF_SOME_ROWS_OR_COLUMNS = (
    feature_selection.RFE,
    feature_selection.RFECV,
    linear_model.RANSACRegressor,
    semi_supervised.SelfTrainingClassifier,
)

TRANSFORMS.update(dict.fromkeys((frozen.FrozenEstimator, *SEARCHES), inner_transform))
PREDICTIONS.update(
    dict.fromkeys((frozen.FrozenEstimator, *SEARCHES, *OF_SOME_ROWS_OR_COLUMNS), inner_predict)
    | {
        model_selection.FixedThresholdClassifier: thresholded,
        model_selection.TunedThresholdClassifierCV: thresholded,
        compose.TransformedTargetRegressor: transformed_target,
    }
)
