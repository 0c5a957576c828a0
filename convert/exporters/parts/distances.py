"""Owns distances between rows and fixed points. Knows nothing of who is near whom."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable

import numpy as np

from convert.errors import Refused
from convert.graph.graph import Array, Tensor

SUMMED_COLUMNS = 24  # up to so many columns differences are summed one column after the other, as a search tree does


def squared(x: Tensor, points: Array) -> Tensor:
    """[rows, points] squared Euclidean distances.

    For few columns it is the very sum that scikit-learn's trees take, so that even ties are ties. For many it is one
    product round the points' centre, which keeps its digits far from the origin.
    """
    points = np.asarray(points, np.float64)
    if points.shape[1] <= SUMMED_COLUMNS:
        return _summed(x, points, lambda difference: difference * difference)
    centre = points.mean(axis=0)
    moved, around = x - centre, points - centre
    squares = (moved * moved).reduce("ReduceSum") + (around**2).sum(axis=1)
    return x.graph.op("Max", squares - (moved @ around.T) * 2.0, x.graph.constant(0.0))


def _summed(x: Tensor, points: Array, measure: Callable[[Tensor], Tensor]) -> Tensor:
    """Column by column from the left, as a search tree sums."""
    apart = (measure(x.take([column]) - points[:, column].reshape(1, -1)) for column in range(points.shape[1]))
    return functools.reduce(operator.add, apart)


def distances(x: Tensor, points: Array, metric: str, p: float = 2) -> Tensor:
    """[rows, points] distances by one of scikit-learn's metrics. Raises Refused for one that is not exported."""
    points = np.asarray(points, np.float64)
    if metric == "minkowski":
        metric = {1: "manhattan", 2: "euclidean"}.get(int(p) if p == int(p) else -1, "minkowski")
    match metric:
        case "euclidean" | "l2":
            return squared(x, points).unary("Sqrt")
        case "sqeuclidean":
            return squared(x, points)
        case "manhattan" | "l1" | "cityblock":
            return _summed(x, points, lambda difference: difference.unary("Abs"))
        case "minkowski":
            return _summed(x, points, lambda difference: difference.unary("Abs") ** float(p)) ** (1.0 / p)
        case "chebyshev":
            parts = [(x.take([c]) - points[:, c].reshape(1, -1)).unary("Abs") for c in range(points.shape[1])]
            return parts[0] if len(parts) == 1 else x.graph.op("Max", *parts)
        case "cosine":
            norms = np.linalg.norm(points, axis=1, keepdims=True)
            unit = points / np.where(norms == 0, 1.0, norms)
            length = (x * x).reduce("ReduceSum").unary("Sqrt")
            return 1.0 - (x / length.equals(0.0).where(np.float64(1.0), length)) @ unit.T
    raise Refused(f"the metric {metric!r} is not exported", "use euclidean, manhattan, minkowski, chebyshev or cosine")
