"""Owns the way back through a scaler, for targets that were scaled. Knows nothing of regressors."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn import preprocessing

from convert.errors import Refused
from convert.exporters.registry import Exporter
from convert.graph.columns import Columns
from convert.graph.graph import Tensor


def inverse_transform(e: Exporter, scaler: Any, x: Columns) -> Tensor:
    """What ``scaler.inverse_transform`` gives: [rows, columns]. Raises Refused where it is not exported."""
    y: Tensor = x.numbers()
    match scaler:
        case preprocessing.StandardScaler():
            y = y * scaler.scale_ if scaler.with_std else y
            return y + np.asarray(scaler.mean_) if scaler.with_mean else y
        case preprocessing.RobustScaler():
            y = y * scaler.scale_ if scaler.with_scaling else y
            return y + scaler.center_ if scaler.with_centering else y
        case preprocessing.MinMaxScaler() if not scaler.clip:
            return (y - np.asarray(scaler.min_)) / np.asarray(scaler.scale_)
        case preprocessing.MaxAbsScaler():
            return y * np.asarray(scaler.scale_)
    raise Refused(
        f"the target is transformed by a {type(scaler).__name__}, whose way back has no converter",
        "transform the target with StandardScaler, MinMaxScaler, or func and inverse_func",
    )
