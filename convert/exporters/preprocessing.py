"""Exports scalers and imputers, in double. Knows nothing of categories."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pandas
from sklearn import impute, preprocessing

from convert.exporters.imputing import flagged
from convert.exporters.parts.affine import affine, shift_and_scale
from convert.exporters.registry import TRANSFORMS, Exporter
from convert.graph.columns import Columns, columns
from convert.graph.graph import Tensor
from server.artefact.metadata import MISSING_TEXT


def scaled(e: Exporter, scaler: Any, x: Columns) -> Columns:
    """``(x - shift) / scale``, clipped where asked."""
    y = affine(x.numbers(), *shift_and_scale(scaler))
    if getattr(scaler, "clip", False):  # of a MaxAbsScaler
        y = e.graph.op("Clip", y, e.graph.constant(-1.0, y.dtype), e.graph.constant(1.0, y.dtype))
    return columns(y, x.width)


def min_max(e: Exporter, scaler: Any, x: Columns) -> Columns:
    """``x * scale + min``, clipped where asked."""
    y = x.numbers() * scaler.scale_ + scaler.min_
    if scaler.clip:
        low, high = scaler.feature_range
        y = e.graph.op("Clip", y, e.graph.constant(low, y.dtype), e.graph.constant(high, y.dtype))
    return columns(y, x.width)


def simple_imputer(e: Exporter, imputer: Any, x: Columns) -> Columns:
    """Missing values become the fitted statistic; columns without one are dropped; indicators come last."""
    statistics = np.asarray(imputer.statistics_)
    kept = [i for i, value in enumerate(statistics) if imputer.keep_empty_features or not _is_nan(value)]
    runs = _runs_of_a_kind(x)
    missing = e.graph.concat([_missing(imputer, x.take(run)) for run in runs])
    tables = [_filled(x.take(run), missing.take(run), statistics[run]) for run in runs]
    filled = Columns(e.graph, tuple(part for table in tables for part in table.parts)).take(kept)
    return flagged(imputer, missing, filled)


def _runs_of_a_kind(x: Columns) -> list[list[int]]:
    """Neighbouring columns of texts, and such of numbers, in order: a table may hold both."""
    texts = [tensor.dtype.kind == "O" for tensor, width in x.parts for _ in range(width)]
    return [[at for at, _ in run] for _, run in itertools.groupby(enumerate(texts), lambda item: item[1])]


def _missing(imputer: Any, x: Columns) -> Tensor:
    if x.is_text():
        marker = imputer.missing_values
        nothing = marker is None or marker is pandas.NA or _is_nan(marker)
        return x.text().coded({MISSING_TEXT if nothing else str(marker): 1}, 0).equals(1)
    if _is_nan(imputer.missing_values) or imputer.missing_values is pandas.NA:
        return x.numbers().is_nan()
    return x.numbers().equals(imputer.missing_values)


def _filled(x: Columns, missing: Tensor, statistics: Any) -> Columns:
    if x.is_text():
        fill = np.array([MISSING_TEXT if _is_nan(value) else str(value) for value in statistics], object)
        return columns(missing.where(fill, x.text()), x.width)
    # a text among numbers is what no encoder of numbers knows, and neither does it know a missing one
    fill = np.array([np.nan if isinstance(value, str) else value for value in statistics], np.float64)
    return columns(missing.where(fill, x.numbers()), x.width)


def _is_nan(value: Any) -> bool:
    return isinstance(value, float | np.floating) and bool(np.isnan(value))


TRANSFORMS.update(
    {
        preprocessing.StandardScaler: scaled,
        preprocessing.RobustScaler: scaled,
        preprocessing.MaxAbsScaler: scaled,
        preprocessing.MinMaxScaler: min_max,
        impute.SimpleImputer: simple_imputer,
    }
)
