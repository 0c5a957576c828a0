"""Owns the marks on rows whose answer hangs on a choice among equals. Knows nothing of what is chosen for.

Of training rows that are equally near a search takes those that it happens upon: by the order of its tree, the end of
its partition, the last digit of a sum. There the original's answer is an accident, and no graph can repeat it. The
marks never stand in a file: the proof reads them from a graph of its own (docs/decisions.md: "Where neighbours tie").
"""

from __future__ import annotations

import numpy as np

from convert.graph.graph import Array, Tensor

RELATIVE = 1e-9  # two sums of the same squares in another order differ by far less; two real distances by more
ROUNDING = 1e-11  # of the size of the numbers: what is lost when a distance is small beside them
ROUNDING_BY_PRODUCT = 3e-8  # the same where the original takes distances from products: the square root of a double's


def about(far: Tensor, kth: Tensor, size: float, rounding: float = ROUNDING) -> Tensor:
    """[rows, points]: whether a distance in ``far`` equals ``kth`` [rows, 1], as far as rounding lets anybody say.

    ``size`` is that of the largest number in rows and points.
    """
    slack = kth.unary("Abs") * RELATIVE + rounding * max(size, 1e-300)
    return (far - kth).unary("Abs") <= slack


def mark_choice(far: Tensor, equal: Tensor, kth: Tensor, count: int, values: Array | None, only: Tensor | None) -> None:
    """Marks the rows in which more than ``count`` points are as near as the ``kth``, and those ``equal`` to it differ.

    ``far``, ``equal``: [rows, points]. ``values``: [points] or [points, columns], what a point adds to the answer; None
    where any other point changes it. ``only`` [rows, 1]: rows in which the choice counts at all.
    """
    near = (equal | (far < kth)).cast(np.float64).reduce("ReduceSum")
    tied = near > float(count) + 0.5
    if values is not None:
        table = np.asarray(values, np.float64).reshape(len(values), -1)
        differs = [_differs(equal, column) for column in table.T]
        differ = differs[0]
        for other in differs[1:]:
            differ = differ | other
        tied = tied & differ
    if only is not None:
        tied = tied & only
    far.graph.mark(tied.reshape(-1))


def _differs(equal: Tensor, values: Array) -> Tensor:
    """[rows, 1]: whether the points that are ``equal`` have more than one value."""
    row = equal.graph.constant(np.nan_to_num(values).reshape(1, -1))
    most = equal.where(row, np.float64(-np.inf)).reduce("ReduceMax")
    return most > equal.where(row, np.float64(np.inf)).reduce("ReduceMin")


def mark_nearest(far: Tensor, size: float, values: Array | None = None) -> None:
    """Marks the rows whose nearest point is not the only one."""
    nearest = far.reduce("ReduceMin")
    mark_choice(far, about(far, nearest, size, ROUNDING_BY_PRODUCT), nearest, 1, values, None)
