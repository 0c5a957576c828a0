"""Owns small rearrangements of class scores that several families share. Knows nothing of estimators."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from convert.graph.graph import Array, Tensor

LARGEST = float(np.log(np.finfo(np.float64).max))  # beyond it the exponential is infinite


def column_of(vector: Tensor) -> Tensor:
    """[rows] as [rows, 1]."""
    return vector.reshape(-1, 1)


def indicator(index: Tensor, classes: int) -> Tensor:
    """[rows] positions as [rows, classes] of 0.0 and 1.0."""
    return column_of(index).equals(np.arange(classes)).cast(np.float64)


def placed(scores: Tensor, positions: Sequence[int] | Array, total: int) -> Tensor:
    """The columns of ``scores`` at these positions of ``total`` columns, 0 elsewhere."""
    positions = np.asarray(positions, np.int64)
    if np.array_equal(positions, np.arange(total)):
        return scores
    home = np.zeros((len(positions), total))
    home[np.arange(len(positions)), positions] = 1.0
    return scores @ home


def pair(second: Tensor) -> Tensor:
    """[rows] probabilities of the second of two classes as [rows, 2]."""
    p = column_of(second)
    return p.graph.concat([1.0 - p, p])


def total(tensors: Sequence[Tensor]) -> Tensor:
    """The sum of several tensors of one shape."""
    return tensors[0] if len(tensors) == 1 else tensors[0].graph.op("Sum", *tensors)


def sigmoid(x: Tensor) -> Tensor:
    """With all digits where it is tiny, too: ONNX Runtime's own operator answers 0 there, and shares would be lost."""
    small = (-x.unary("Abs")).unary("Exp")
    return (x < 0.0).where(small, np.float64(1.0)) / (small + 1.0)


def expit(x: Tensor) -> Tensor:
    """As scipy's, which is 0 where the sigmoid is a tiny number yet: a share of such would be a whole."""
    return (x < -LARGEST).where(np.float64(0.0), sigmoid(x))
