"""Owns the way back through a scaler, for targets that were scaled. Knows nothing of regressors."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn import preprocessing

from convert.errors import Refused
from convert.exporters.parts.affine import shift_and_scale
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
    raise Refused(
        f"the target is transformed by a {type(scaler).__name__}, whose way back has no converter",
        "transform the target with StandardScaler, MinMaxScaler, or func and inverse_func",
    )
