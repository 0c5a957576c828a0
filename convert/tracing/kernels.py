"""Owns scikit-learn's likenesses and distances while own code is recorded: of rows to constant points.

Knows nothing of where they are looked for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.metrics import pairwise

from convert.tracing.recorder.refusals import IN_FIT, MIXES, only, refuse
from convert.tracing.standins.functions.given import to_array
from convert.tracing.standins.standin import StandIn


def _rows(x: Any, points: Any, name: str) -> tuple[Any, Any]:
    """The rows as an array of numbers, and the constant points [points, columns]."""
    if not isinstance(x, StandIn) or points is None or isinstance(points, StandIn):
        raise refuse(f"{name} of rows with each other: {MIXES}", IN_FIT)
    return to_array(x).astype(np.float64), np.asarray(points, np.float64)


def squared_distances(x: Any, points: Any, name: str) -> Any:
    """[rows, points], as scikit-learn has them: none below zero."""
    rows, fixed = _rows(x, points, name)
    sizes = (rows * rows).sum(axis=1).reshape(-1, 1)
    return np.maximum(sizes - (rows @ fixed.T) * 2.0 + np.sum(fixed * fixed, axis=1), 0.0)


def euclidean_distances(x: Any, Y: Any = None, *, squared: bool = False, **others: Any) -> Any:
    """How far rows are from points."""
    only(others)
    far = squared_distances(x, Y, "euclidean_distances")
    return far if squared else np.sqrt(far)


def rbf_kernel(x: Any, Y: Any = None, gamma: Any = None) -> Any:
    """A bell round each point."""
    far = squared_distances(x, Y, "rbf_kernel")
    return np.exp(far * -(1.0 / np.shape(Y)[1] if gamma is None else gamma))


def linear_kernel(x: Any, Y: Any = None, dense_output: bool = True) -> Any:
    """Products with points."""
    rows, fixed = _rows(x, Y, "linear_kernel")
    return rows @ fixed.T


def polynomial_kernel(x: Any, Y: Any = None, degree: float = 3, gamma: Any = None, coef0: float = 1) -> Any:
    """A power of products."""
    return (linear_kernel(x, Y) * (1.0 / np.shape(Y)[1] if gamma is None else gamma) + coef0) ** degree


def sigmoid_kernel(x: Any, Y: Any = None, gamma: Any = None, coef0: float = 1) -> Any:
    """The tangent of products."""
    return np.tanh(linear_kernel(x, Y) * (1.0 / np.shape(Y)[1] if gamma is None else gamma) + coef0)


def cosine_similarity(x: Any, Y: Any = None, dense_output: bool = True) -> Any:
    """Products of rows and points of length one; a row of zeros stays one."""
    rows, fixed = _rows(x, Y, "cosine_similarity")
    size, of_points = np.sqrt((rows * rows).sum(axis=1)).reshape(-1, 1), np.linalg.norm(fixed, axis=1, keepdims=True)
    scaled = rows / np.where(size == 0, 1.0, size)
    return scaled @ (fixed / np.where(of_points == 0, 1.0, of_points)).T


def cosine_distances(x: Any, Y: Any = None) -> Any:
    """What is left of it to 1."""
    return np.clip(1.0 - cosine_similarity(x, Y), 0.0, 2.0)


FUNCTIONS: dict[Callable[..., Any], Callable[..., Any]] = {
    pairwise.cosine_distances: cosine_distances,
    pairwise.cosine_similarity: cosine_similarity,
    pairwise.euclidean_distances: euclidean_distances,
    pairwise.linear_kernel: linear_kernel,
    pairwise.polynomial_kernel: polynomial_kernel,
    pairwise.rbf_kernel: rbf_kernel,
    pairwise.sigmoid_kernel: sigmoid_kernel,
}
