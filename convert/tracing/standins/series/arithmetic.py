"""Owns pandas' names of operators, and what it divides by zero otherwise than numpy does."""

from __future__ import annotations

from typing import Any

import numpy as np

from convert.tracing.recorder.operators import OPERATORS
from convert.tracing.standins.standin import StandIn

ARITHMETIC = {
    **OPERATORS,
    "div": OPERATORS["truediv"],
    "multiply": OPERATORS["mul"],
    "subtract": OPERATORS["sub"],
    "divide": OPERATORS["truediv"],
}


def dividend(ufunc: np.ufunc, left: Any, right: Any) -> Any:
    """Whole numbers over what may be zero, as floats: pandas answers with infinite or missing ones, numpy with 0."""
    sure = np.ndim(right) == 0 and not isinstance(right, StandIn) and right == right and right != 0
    if ufunc not in (np.floor_divide, np.remainder) or sure:
        return left
    if isinstance(left, StandIn):
        kinds = left.concrete.dtypes if left.ndim == 2 else [left.concrete.dtype]
        whole = hasattr(left.concrete, "index") and any(isinstance(k, np.dtype) and k.kind in "biu" for k in kinds)
        return left.astype(np.float64) if whole else left
    return float(left) if isinstance(left, int) else left
