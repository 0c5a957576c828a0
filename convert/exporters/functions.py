"""Exports numpy functions, and what a column passes through unchanged. Knows nothing of fitted numbers."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from scipy import special
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import check_array

from convert.errors import Refused
from convert.exporters.registry import TRANSFORMS, Exporter
from convert.graph.circle import cosine, sine
from convert.graph.columns import Columns, columns
from convert.graph.graph import Tensor

LARGE = 1e100  # whose square would not fit: there, arcsinh(x) is log(2 x)
E_SMALL = 1e-4  # below it, log1p and expm1 by their series: log(1 + x) would lose the digits of x


def _log1p(x: Tensor) -> Tensor:
    series = x * (1.0 - x * (0.5 - x * (1 / 3 - x * 0.25)))
    return (x.unary("Abs") < E_SMALL).where(series, (x + 1.0).unary("Log"))


def _expm1(x: Tensor) -> Tensor:
    series = x * (1.0 + x * (0.5 + x * (1 / 6 + x * (1 / 24))))
    return (x.unary("Abs") < E_SMALL).where(series, x.unary("Exp") - 1.0)


def _sinh(x: Tensor) -> Tensor:
    up, down = _expm1(x), _expm1(-x)
    return (up - down) * 0.5


def _arcsinh(x: Tensor) -> Tensor:
    size = x.unary("Abs")
    squared = size * size
    # log1p(a + a^2 / (1 + sqrt(a^2 + 1))) keeps the digits of small numbers and of negative ones
    usual = _log1p(size + squared / ((squared + 1.0).unary("Sqrt") + 1.0))
    return (size > LARGE).where(size.unary("Log") + float(np.log(2)), usual) * x.unary("Sign")


def _cbrt(x: Tensor) -> Tensor:
    return (x.unary("Abs") ** (1 / 3)) * x.unary("Sign")


FUNCTIONS: Mapping[Callable[..., Any], Callable[[Tensor], Tensor]] = {
    np.absolute: lambda x: x.unary("Abs"),
    np.arcsinh: _arcsinh,
    np.cbrt: _cbrt,
    np.ceil: lambda x: x.unary("Ceil"),
    np.cos: cosine,
    np.exp: lambda x: x.unary("Exp"),
    np.exp2: lambda x: (x * float(np.log(2))).unary("Exp"),
    np.expm1: _expm1,
    np.floor: lambda x: x.unary("Floor"),
    np.log: lambda x: x.unary("Log"),
    np.log10: lambda x: x.unary("Log") / float(np.log(10)),
    np.log1p: _log1p,
    np.log2: lambda x: x.unary("Log") / float(np.log(2)),
    np.negative: lambda x: -x,
    np.positive: lambda x: x,
    np.reciprocal: lambda x: 1.0 / x,
    np.rint: lambda x: x.unary("Round"),
    np.sign: lambda x: x.unary("Sign"),
    np.sin: sine,
    np.sinh: _sinh,
    np.sqrt: lambda x: x.unary("Sqrt"),
    np.square: lambda x: x * x,
    np.tanh: lambda x: x.unary("Tanh"),
    special.expit: lambda x: x.unary("Sigmoid"),
    special.logit: lambda x: (x / (1.0 - x)).unary("Log"),
}


def apply_function(function: Any, keywords: Mapping[str, Any] | None, x: Tensor) -> Tensor:
    """``function(x)`` element by element. Raises Refused for a function that is not in the table."""
    plain = function.func if isinstance(function, functools.partial) else function
    if function is None or plain is check_array:  # scikit-learn's own check of a passed-on column
        return x
    if keywords or plain is not function or function not in FUNCTIONS:
        raise Refused(
            f"FunctionTransformer with {getattr(plain, '__name__', plain)!r} has no converter",
            f"use one of {', '.join(sorted(known.__name__ for known in FUNCTIONS))}, or do that step before fitting",
        )
    return FUNCTIONS[function](x)


def function(e: Exporter, transformer: Any, x: Columns) -> Columns:
    """No function is the identity; scikit-learn writes ``remainder="passthrough"`` so."""
    if transformer.func is None:
        return x
    return columns(apply_function(transformer.func, transformer.kw_args, x.numbers()), x.width)


TRANSFORMS.update({FunctionTransformer: function})
