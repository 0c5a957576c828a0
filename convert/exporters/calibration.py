"""Exports calibrated classifiers and the curves they calibrate with. Knows nothing of what is calibrated."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn import calibration, isotonic

from convert.errors import Refused
from convert.exporters.parts.shapes import column_of, expit, pair, total
from convert.exporters.registry import PREDICTIONS, TRANSFORMS, Exporter, Prediction
from convert.graph.columns import Columns, columns
from convert.graph.graph import Array, Tensor

TINY = np.finfo(np.float64).eps


def interpolated(x: Tensor, knots: Array, values: Array) -> Tensor:
    """Linear interpolation between knots, constant beyond them: ``numpy.interp``; ``x`` is [rows].

    The interval is found by counting the knots below, then read off two tables; no sum of many parts loses digits.
    """
    graph = x.graph
    if len(knots) == 1:
        return x * 0.0 + float(values[0])
    low, high = graph.constant(np.float64(knots[0])), graph.constant(np.float64(knots[-1]))
    inside = graph.op("Clip", x, low, high)
    passed = (column_of(inside) >= np.asarray(knots[1:-1])).cast(np.int64) if len(knots) > 2 else None
    at = passed.reduce("ReduceSum", keep=False) if passed is not None else (x * 0.0).cast(np.int64)
    step = np.diff(knots)
    slopes = np.divide(np.diff(values), step, out=np.zeros(len(step)), where=step > 0)
    start, slope, base = (graph.op("Gather", graph.constant(v), at, axis=0) for v in (knots[:-1], slopes, values[:-1]))
    between = base + (inside - start) * slope
    first, last = np.float64(values[0]), np.float64(values[-1])
    return (x < float(knots[0])).where(first, (x >= float(knots[-1])).where(last, between))


def isotonic_values(model: Any, x: Tensor) -> Tensor:
    """[rows] through a fitted isotonic curve."""
    knots, values = np.asarray(model.X_thresholds_, np.float64), np.asarray(model.y_thresholds_, np.float64)
    value = interpolated(x, knots, values)
    if model.out_of_bounds == "clip":
        return value
    outside = (x < float(knots[0])) | (x > float(knots[-1]))
    if model.out_of_bounds == "nan":
        return outside.where(np.float64(np.nan), value)
    raise Refused("out_of_bounds='raise' cannot be answered for a row outside", "fit with 'clip' or 'nan'")


def isotonic_regression(e: Exporter, model: Any, x: Columns) -> Prediction:
    """One column in, one value out."""
    return Prediction(value=isotonic_values(model, x.numbers().reshape(-1)))


def isotonic_transform(e: Exporter, model: Any, x: Columns) -> Columns:
    """The same value as a column of its own."""
    return columns(column_of(isotonic_values(model, x.numbers().reshape(-1))), 1)


def calibrated(e: Exporter, model: Any, x: Columns) -> Prediction:
    """The mean over the folds' calibrated probabilities."""
    parts = list(map(_fold, model.calibrated_classifiers_, e.predict_inside(model, x)))
    mean = total(parts) / float(len(parts))
    return Prediction(index=mean.argmax(), probabilities=mean)


def _fold(fold: Any, prediction: Prediction) -> Tensor:
    classes = len(fold.classes)
    decided = hasattr(fold.estimator, "decision_function")
    if classes == 2:
        response = prediction.need("scores") if decided else prediction.need("probabilities").column(1)
        return _two(fold, response, decided)
    response = prediction.need("scores") if decided else prediction.need("probabilities")
    if len(fold.estimator.classes_) != classes:
        raise Refused("a fold of the calibration has not seen every class", "calibrate with more rows or fewer folds")
    if fold.method == "temperature":
        return _temperature(fold.calibrators[0], response, decided)
    parts = [column_of(_curve(curve, response.column(i))) for i, curve in enumerate(fold.calibrators)]
    p = response.graph.concat(parts)
    summed = p.reduce("ReduceSum")
    none = summed.equals(0.0)
    return none.where(np.float64(1 / classes), p / none.where(np.float64(1.0), summed))


def _two(fold: Any, response: Tensor, decided: bool) -> Tensor:
    if fold.method != "temperature":
        return pair(_curve(fold.calibrators[0], response))
    column = column_of(response)
    first = -column if decided else 1.0 - column
    return _temperature(fold.calibrators[0], response.graph.concat([first, column]), decided)


def _temperature(curve: Any, response: Tensor, decided: bool) -> Tensor:
    logits = response if decided else (response + TINY).unary("Log")
    return (logits * float(curve.beta_)).unary("Softmax", axis=1)


def _curve(curve: Any, response: Tensor) -> Tensor:
    if isinstance(curve, isotonic.IsotonicRegression):
        return isotonic_values(curve, response)
    return expit(-(response * float(curve.a_) + float(curve.b_)))


TRANSFORMS.update({isotonic.IsotonicRegression: isotonic_transform})
PREDICTIONS.update({isotonic.IsotonicRegression: isotonic_regression, calibration.CalibratedClassifierCV: calibrated})
