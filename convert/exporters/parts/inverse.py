"""Owns the way back through a scaler, for targets that were scaled. Knows nothing of regressors."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn import preprocessing
from sklearn.preprocessing._data import BOUNDS_THRESHOLD

from convert.errors import Refused
from convert.exporters.calibration import interpolated
from convert.exporters.gaussian_process import erf
from convert.exporters.parts.affine import shift_and_scale
from convert.exporters.parts.shapes import column_of
from convert.graph.graph import Tensor


def inverse_transform(scaler: Any, y: Tensor) -> Tensor:
    """What ``scaler.inverse_transform`` gives: [rows, columns]. Raises Refused where it is not exported."""
    match scaler:
        case preprocessing.MinMaxScaler() if not scaler.clip:
            return (y - np.asarray(scaler.min_)) / np.asarray(scaler.scale_)
        case preprocessing.StandardScaler() | preprocessing.RobustScaler() | preprocessing.MaxAbsScaler():
            shift, scale = shift_and_scale(scaler)
            y = y if scale is None else y * np.asarray(scale)
            return y if shift is None else y + np.asarray(shift)
        case preprocessing.QuantileTransformer():
            return _from_ranks(scaler, y)
    raise Refused(
        f"the target is transformed by a {type(scaler).__name__}, whose way back has no converter",
        "transform the target with StandardScaler, MinMaxScaler, QuantileTransformer, or func and inverse_func",
    )


def _from_ranks(scaler: Any, y: Tensor) -> Tensor:
    """The training quantiles at ranks, or at the ranks of normal deviates."""
    references, near = np.asarray(scaler.references_, np.float64), 0.0
    if scaler.output_distribution == "normal":
        y, near = (erf(y * np.sqrt(0.5)) + 1.0) * 0.5, BOUNDS_THRESHOLD
    parts = []
    for column, knots in enumerate(np.asarray(scaler.quantiles_, np.float64).T):
        rank = y.column(column)
        value = interpolated(rank, references, knots)
        top = (rank >= 1.0 - near).where(np.float64(knots[-1]), value)
        parts.append(column_of((rank <= near).where(np.float64(knots[0]), top)))
    return y.graph.concat(parts)
