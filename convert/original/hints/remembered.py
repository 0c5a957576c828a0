"""Owns which rows a model remembers and compares others with. Knows nothing of what it does with them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.kernel_approximation import Nystroem

from convert.graph.graph import Array
from convert.original.hints.column_hints import Views

# Where models keep the rows, or the prototypes, that they compare others with.
REMEMBERED = (
    "_fit_X", "X_train_", "X_fit_", "X_", "support_vectors_", "cluster_centers_", "centroids_", "subcluster_centers_",
    "theta_", "means_",
)  # fmt: skip
DIGITS = 12  # of a number that a person wrote; a double has 15 to 17


def note_remembered(model: Any, views: Views) -> None:
    """Notes the rows that the model compares others with, column by column; the first to tell is believed."""
    names = ("components_",) if isinstance(model, Nystroem) else REMEMBERED  # rows there, directions elsewhere
    points: Any = next((getattr(m, name) for m in _holders(model) for name in names if hasattr(m, name)), None)
    points = points.toarray() if sparse.issparse(points) else points
    if not isinstance(points, np.ndarray) or points.ndim != 2 or points.shape[1] != len(views):
        return
    for column, view in enumerate(views):
        if view and view.hint.remembered is None:
            view.hint.remembered = _as_written(view.inverse(np.asarray(points[:, column], np.float64)))


def _holders(model: Any) -> Iterator[Any]:
    """The model, and those in it that keep its rows for it: a Gaussian process has one for each class."""
    yield model
    base = getattr(model, "base_estimator_", None)
    yield from () if base is None else (base, *getattr(base, "estimators_", ()))


def _as_written(values: Array) -> Array:
    """Numbers without the last digits, which an inverse has spoilt: 3.0, not 2.9999999999999996."""
    written = values.copy()
    fractions = np.flatnonzero((values != np.trunc(values)) | (np.abs(values) >= 10.0**DIGITS))  # others stand already
    written[fractions] = [float(f"{value:.{DIGITS}g}") for value in values[fractions]]
    return written
