"""Owns reductions along the columns of a row, as numpy and pandas have them. Knows nothing of stand-ins."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from convert.graph.graph import Tensor
from convert.tracing import nodes

Reduce = Callable[..., Tensor]


def reduced(kind: str, x: Tensor, skip_missing: bool, ddof: int = 0) -> Tensor:
    """[rows, 1] of [rows, width]. Raises NoNode for a reduction that is not in the table.

    ``skip_missing``: missing numbers count for nothing, as pandas has it; else one makes the result missing.
    """
    if kind in ("all", "any"):
        return _logical(kind, x)
    if nodes.is_text(x) or kind not in KINDS:
        raise nodes.NoNode(f"{kind} of {'texts' if nodes.is_text(x) else 'columns'}")
    if kind not in ("sum", "prod", "min", "max", "count"):
        x = x if x.dtype.kind == "f" else x.cast(np.float64)
    elif x.dtype == np.bool_ or (x.dtype.kind in "iu" and kind in ("sum", "prod")):
        x = x.cast(np.int64)
    missing = nodes.missing(x) if x.dtype.kind == "f" else None
    return KINDS[kind](x, missing if skip_missing else None, missing, ddof)


def _logical(kind: str, x: Tensor) -> Tensor:
    if nodes.is_text(x):
        raise nodes.NoNode(f"{kind} of texts")
    flags = x if x.dtype == np.bool_ else ~x.equals(0)
    return flags.cast(np.int32).reduce("ReduceMin" if kind == "all" else "ReduceMax").cast(np.bool_)


def _there(x: Tensor, skipped: Tensor | None) -> Tensor:
    """[rows, 1]: how many values count."""
    counted = nodes.constant_like(x, np.float64(1.0)) if skipped is None else (~skipped).cast(np.float64)
    return counted.reduce("ReduceSum").cast(x.dtype)


def _filled(x: Tensor, skipped: Tensor | None, value: float) -> Tensor:
    return x if skipped is None else skipped.where(np.asarray(value, x.dtype), x)


def _sum(x: Tensor, skipped: Tensor | None, missing: Tensor | None, ddof: int) -> Tensor:
    return _filled(x, skipped, 0.0).reduce("ReduceSum")


def _product(x: Tensor, skipped: Tensor | None, missing: Tensor | None, ddof: int) -> Tensor:
    return _filled(x, skipped, 1.0).reduce("ReduceProd")


def _mean(x: Tensor, skipped: Tensor | None, missing: Tensor | None, ddof: int) -> Tensor:
    return _sum(x, skipped, missing, ddof) / _there(x, skipped)


def _variance(x: Tensor, skipped: Tensor | None, missing: Tensor | None, ddof: int) -> Tensor:
    apart = _filled(x - _mean(x, skipped, missing, 0), skipped, 0.0)
    left = _there(x, skipped) - float(ddof)
    sum_ = (apart * apart).reduce("ReduceSum")
    return (left > 0.0).where(sum_ / left, np.asarray(np.nan, x.dtype))


def _deviation(x: Tensor, skipped: Tensor | None, missing: Tensor | None, ddof: int) -> Tensor:
    return _variance(x, skipped, missing, ddof).unary("Sqrt")


def _extreme(kind: str, empty: float) -> Reduce:
    def reduce(x: Tensor, skipped: Tensor | None, missing: Tensor | None, ddof: int) -> Tensor:
        """ONNX Runtime loses a missing number among others."""
        if missing is None:
            return x.reduce(kind)
        lost = missing.cast(np.int32).reduce("ReduceMax" if skipped is None else "ReduceMin").cast(np.bool_)
        return lost.where(np.asarray(np.nan, x.dtype), _filled(x, missing, empty).reduce(kind))

    return reduce


def _count(x: Tensor, skipped: Tensor | None, missing: Tensor | None, ddof: int) -> Tensor:
    there = nodes.constant_like(x, np.int64(1)) if missing is None else (~missing).cast(np.int64)
    return there.reduce("ReduceSum")


KINDS: dict[str, Reduce] = {
    "count": _count,
    "max": _extreme("ReduceMax", -np.inf),
    "mean": _mean,
    "min": _extreme("ReduceMin", np.inf),
    "prod": _product,
    "std": _deviation,
    "sum": _sum,
    "var": _variance,
}
