"""Owns affine steps, ``(x - shift) / scale``: which a scaler takes, and their folding into the linear model behind."""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np
from sklearn import preprocessing

from convert.graph.graph import Array, Graph, Tensor

# Folding (x - shift) / scale into weights adds shift/scale to the size of what is summed, and each factor of ten costs
# a digit of sixteen; four digits lost still leave a million times more than the parity rule asks for.
FOLDABLE = 1e4

_affine: weakref.WeakKeyDictionary[Graph, dict[str, tuple[Tensor, Array, Array]]] = weakref.WeakKeyDictionary()


def shift_and_scale(scaler: Any) -> tuple[Array | None, Array | None]:
    """What a fitted scaler subtracts from each column and what it divides by; None for what it leaves out."""
    match scaler:
        case preprocessing.StandardScaler():
            return scaler.mean_ if scaler.with_mean else None, scaler.scale_ if scaler.with_std else None
        case preprocessing.RobustScaler():
            return scaler.center_ if scaler.with_centering else None, scaler.scale_ if scaler.with_scaling else None
    return None, scaler.scale_  # MaxAbsScaler


def affine(x: Tensor, shift: Any, scale: Any) -> Tensor:
    """``(x - shift) / scale`` column by column, in scikit-learn's own order of operations; None leaves a part out."""
    y = x if shift is None else x - np.asarray(shift, np.float64)
    y = y if scale is None else y / np.asarray(scale, np.float64)
    shifts, scales = np.asarray(0.0 if shift is None else shift), np.asarray(1.0 if scale is None else scale)
    if y is not x and np.all(np.abs(shifts) < FOLDABLE * np.abs(scales)):
        _affine.setdefault(x.graph, {})[y.name] = (x, shifts, scales)
    return y


def unscaled(x: Tensor, weights: Array, bias: Array) -> tuple[Tensor, Array, Array]:
    """The same product without the affine step that made ``x``, where there is one that may be folded."""
    step = _affine.get(x.graph, {}).get(x.name)
    if step is None:
        return x, weights, bias
    source, shift, scale = step
    folded = (weights.T / scale).T
    return source, folded, bias - np.broadcast_to(shift, weights.shape[:1]) @ folded
