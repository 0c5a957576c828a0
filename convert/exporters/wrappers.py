"""Exports what hands its rows to one estimator inside: searches, thresholds, transformed targets."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from sklearn import compose, frozen, model_selection, semi_supervised

from convert.exporters.functions import apply_function
from convert.exporters.parts.inverse import inverse_transform
from convert.exporters.registry import PREDICTIONS, TRANSFORMS, Exporter, Prediction
from convert.graph.columns import Columns, columns


def _inside(model: Any) -> Any:
    match model:
        case model_selection.GridSearchCV() | model_selection.RandomizedSearchCV():
            return model.best_estimator_
        case frozen.FrozenEstimator():
            return model.estimator
        case model_selection.FixedThresholdClassifier():
            return getattr(model, "estimator_", model.estimator)
    return model.estimator_


def inner_predict(e: Exporter, model: Any, x: Columns) -> Prediction:
    """As the estimator inside predicts."""
    return e.predict(_inside(model), x, "estimator")


def inner_transform(e: Exporter, model: Any, x: Columns) -> Columns:
    """As the estimator inside transforms."""
    return e.transform(_inside(model), x, "estimator")


def thresholded(e: Exporter, model: Any, x: Columns) -> Prediction:
    """The positive class where its score reaches the threshold, the other one elsewhere."""
    inside = _inside(model)
    found = e.predict(inside, x, "estimator")
    method = model._get_response_method()
    wanted = [method] if isinstance(method, str) else list(method)
    used = next(name for name in wanted if hasattr(inside, name))
    tuned = isinstance(model, model_selection.TunedThresholdClassifierCV)
    label = model._curve_scorer._get_pos_label() if tuned else model.pos_label
    positive = 1 if label is None else int(np.flatnonzero(np.asarray(model.classes_) == label)[0])
    if used == "predict_proba":
        score, usual = found.need("probabilities").column(positive), 0.5
    else:
        score, usual = (found.need("scores") if positive else -found.need("scores")), 0.0
    threshold = model.best_threshold_ if tuned else usual if model.threshold == "auto" else model.threshold
    reached = (score >= float(threshold)).cast(np.int64)
    index = reached if positive else 1 - reached
    return replace(found, index=index)


def transformed_target(e: Exporter, model: Any, x: Columns) -> Prediction:
    """The inner regressor's answer, taken back through the transformation of the target."""
    value = e.predict(model.regressor_, x, "regressor").need("value")
    matrix = value if model._training_dim > 1 else value.reshape(-1, 1)
    width = getattr(model.transformer_, "n_features_in_", 1)
    if type(model.transformer_).__name__ == "FunctionTransformer":
        back = apply_function(model.transformer_.inverse_func, model.transformer_.inv_kw_args, matrix)
    else:
        back = inverse_transform(e, model.transformer_, columns(matrix, width))
    return Prediction(value=back if model._training_dim > 1 else back.reshape(-1))


TRANSFORMS.update(
    dict.fromkeys(
        (frozen.FrozenEstimator, model_selection.GridSearchCV, model_selection.RandomizedSearchCV), inner_transform
    )
)
PREDICTIONS.update(
    dict.fromkeys(
        (
            frozen.FrozenEstimator,
            model_selection.GridSearchCV,
            model_selection.RandomizedSearchCV,
            semi_supervised.SelfTrainingClassifier,
        ),
        inner_predict,
    )
    | {
        model_selection.FixedThresholdClassifier: thresholded,
        model_selection.TunedThresholdClassifierCV: thresholded,
        compose.TransformedTargetRegressor: transformed_target,
    }
)
