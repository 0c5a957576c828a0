"""Exports the imputer that asks the nearest complete rows. Knows nothing of other neighbours."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.impute import KNNImputer

from convert.errors import Refused
from convert.exporters.parts.shapes import column_of
from convert.exporters.parts.ties import ROUNDING_BY_PRODUCT, about, mark_choice
from convert.exporters.registry import TRANSFORMS, Exporter
from convert.graph.columns import Columns, columns
from convert.graph.graph import Array, Tensor


def nearest_imputer(e: Exporter, model: Any, x: Columns) -> Columns:
    """A missing value is the mean over the nearest training rows that have one, by the columns both rows have."""
    if model.metric != "nan_euclidean" or not np.isnan(model.missing_values) or callable(model.weights):
        raise Refused("KNNImputer with a metric, marker or weights of its own", "use its defaults")
    matrix = x.numbers()
    missing = matrix.is_nan()
    known = np.asarray(model._fit_X, np.float64)
    far = _distances(matrix, missing, known)
    filled = []
    for column in np.flatnonzero(np.asarray(model._valid_mask) | model.keep_empty_features).tolist():
        here = matrix.take([column])
        gone = missing.take([column])
        filled.append(gone.where(_guess(model, far, known[:, column], gone), here))
    return flagged(model, missing, columns(e.graph.concat(filled), len(filled)))


def flagged(imputer: Any, missing: Tensor, imputed: Columns) -> Columns:
    """What an imputer filled in; where it has an indicator, flags of what was missing beside that."""
    if not imputer.add_indicator:
        return imputed
    kept = imputer.indicator_.features_
    return imputed.beside(columns(missing.take(kept).cast(np.float64), len(kept)))


def _distances(x: Tensor, missing: Tensor, points: Array) -> Tensor:
    """[rows, points]; infinite where the two have no column in common."""
    there = (~missing).cast(np.float64)
    filled, has = missing.where(np.float64(0.0), x), (~np.isnan(points)).astype(np.float64)
    full = np.nan_to_num(points)
    squares, shared = None, there @ has.T
    for column in range(points.shape[1]):
        both = there.take([column]) * has[:, column].reshape(1, -1)
        apart = (filled.take([column]) - full[:, column].reshape(1, -1)) * both
        squares = apart * apart if squares is None else squares + apart * apart
    assert squares is not None  # noqa: S101  there is at least one column: this tells mypy
    none = shared.equals(0.0)
    mean = squares / none.where(np.float64(1.0), shared) * float(points.shape[1])
    return none.where(np.float64(np.inf), mean.unary("Sqrt"))


def _guess(model: Any, far: Tensor, values: Array, gone: Tensor) -> Tensor:
    """[rows, 1] for one column; the column's mean where no row is comparable, 0 where it was always empty."""
    donors = np.flatnonzero(~np.isnan(values))
    if not len(donors):
        return far.take([0]) * 0.0
    graph = far.graph
    count = min(model.n_neighbors, len(donors))
    k = graph.constant(np.array([count], np.int64))
    there = far.take(donors)
    near, where = graph.ops("TopK", there, k, dtypes=[np.float64, np.int64], axis=1, largest=0, sorted=1)
    kth, size = near.take([count - 1]), float(np.nanmax(np.abs(model._fit_X), initial=0.0))
    mark_choice(there, about(there, kth, size, ROUNDING_BY_PRODUCT), kth, count, values[donors], gone)
    donated = graph.op("Gather", graph.constant(values[donors]), where, axis=0)
    weights = (near < np.inf).cast(np.float64)
    if model.weights == "distance":
        zero = near.equals(0.0).cast(np.float64)
        weights = (zero.reduce("ReduceMax") > 0.5).where(zero, weights / near)
    total = weights.reduce("ReduceSum")
    mean = (donated * weights).reduce("ReduceSum") / total
    return total.equals(0.0).where(column_of(graph.constant(np.array([values[donors].mean()]))), mean)


TRANSFORMS.update({KNNImputer: nearest_imputer})
