"""Owns the rule by which two answers are the same, of convert/ and server/. Pure: knows no files and no models."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

RELATIVE_TOLERANCE = 1e-5


def worst_excess(expected: npt.NDArray[Any], got: npt.NDArray[Any], scale: float) -> npt.NDArray[np.float64]:
    """The element-wise difference of two arrays as a multiple of what parity allows (at most 1: equal); their shape.

    The rule: ``|a-b| <= 1e-5 * max(|a|, scale)``, with ``scale`` 1 for probabilities, else how far the
    original's output spreads. NaN equals NaN and an infinity equals itself; nothing else equals either.
    """
    a, b = np.asarray(expected, np.float64), np.asarray(got, np.float64)
    with np.errstate(invalid="ignore", over="ignore"):
        difference = np.where((a == b) | (np.isnan(a) & np.isnan(b)), 0.0, np.abs(a - b))
        allowed = RELATIVE_TOLERANCE * np.maximum(np.abs(a), max(scale, np.finfo(np.float64).tiny))
        excess = np.where(difference == 0, 0.0, difference / allowed)
    return np.asarray(np.where(np.isnan(excess), np.inf, excess), np.float64)
