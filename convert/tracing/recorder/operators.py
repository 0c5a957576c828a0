"""Owns which operators of Python are which functions of numpy. Data only."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

OPERATORS: dict[str, tuple[Callable[[Any, Any], Any], np.ufunc]] = {
    "add": (operator.add, np.add), "sub": (operator.sub, np.subtract), "mul": (operator.mul, np.multiply),
    "truediv": (operator.truediv, np.divide), "floordiv": (operator.floordiv, np.floor_divide),
    "mod": (operator.mod, np.remainder), "pow": (operator.pow, np.power), "and": (operator.and_, np.bitwise_and),
    "or": (operator.or_, np.bitwise_or), "xor": (operator.xor, np.bitwise_xor),
}  # fmt: skip
COMPARISONS: dict[str, tuple[Callable[[Any, Any], Any], np.ufunc]] = {
    "eq": (operator.eq, np.equal), "ne": (operator.ne, np.not_equal), "lt": (operator.lt, np.less),
    "le": (operator.le, np.less_equal), "gt": (operator.gt, np.greater), "ge": (operator.ge, np.greater_equal),
}  # fmt: skip
