"""Owns reductions along the columns of a row, as numpy and pandas have them. Knows nothing of stand-ins."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from convert.graph.graph import Tensor
from convert.tracing.recorder import elements

ONE_BY_ONE = 64  # columns; more are added in whatever order ONNX Runtime has


@dataclass(frozen=True, slots=True)
class Row:
    """What is reduced: ``x`` [rows, width]; where it is ``missing``, and whether that is ``skipped``; for a deviation
    how many of its values are taken off their number."""

    x: Tensor
    width: int
    missing: Tensor | None
    skipped: bool
    ddof: int

    def filled(self, x: Tensor, value: float) -> Tensor:
        """``x`` with ``value`` where nothing counts."""
        return self.missing.where(np.asarray(value, x.dtype), x) if self.skipped and self.missing else x

    def count(self) -> Tensor:
        """[rows, 1]: how many values count."""
        if not self.skipped or self.missing is None:
            return elements.constant_like(self.x.take([0]), np.asarray(self.width, self.x.dtype))
        return (~self.missing).cast(self.x.dtype).reduce("ReduceSum")

    def added(self, x: Tensor) -> Tensor:
        """Column by column, as numpy adds less than eight: in another order they round otherwise, which trees see."""
        if self.width > ONE_BY_ONE:
            return x.reduce("ReduceSum")
        return functools.reduce(operator.add, [x.take([at]) for at in range(self.width)])


def reduced(kind: str, x: Tensor, width: int, skip_missing: bool, ddof: int = 0) -> Tensor:
    """[rows, 1] of ``x`` [rows, width]. Raises NoNode for a reduction that is not in the table.

    ``skip_missing``: missing numbers count for nothing, as pandas has it; else one makes the result missing.
    """
    if elements.is_text(x) or kind not in KINDS:
        raise elements.NoNode(f"{kind} of {'texts' if elements.is_text(x) else 'columns'}")
    if kind in ("mean", "std", "var") and x.dtype.kind != "f":
        x = x.cast(np.float64)
    elif kind in ("sum", "prod", "min", "max") and (x.dtype == np.bool_ or (x.dtype.kind in "iu" and kind != "min")):
        x = x.cast(np.int64)
    missing = elements.missing(x) if x.dtype.kind == "f" else None
    return KINDS[kind](Row(x, width, missing, skip_missing, ddof))


def _sum(row: Row) -> Tensor:
    return row.added(row.filled(row.x, 0.0))


def _product(row: Row) -> Tensor:
    if row.x.dtype.kind == "f":
        return row.filled(row.x, 1.0).reduce("ReduceProd")
    return functools.reduce(operator.mul, [row.x.take([at]) for at in range(row.width)])  # that of whole numbers wraps


def _mean(row: Row) -> Tensor:
    return _sum(row) / row.count()


def _variance(row: Row) -> Tensor:
    apart = row.filled(row.x - _mean(row), 0.0)
    left = row.count() - float(row.ddof)
    return (left > 0.0).where(row.added(apart * apart) / left, np.asarray(np.nan, row.x.dtype))


def _extreme(kind: str, empty: float) -> Callable[[Row], Tensor]:
    def reduce(row: Row) -> Tensor:
        """ONNX Runtime loses a missing number among others."""
        if row.missing is None:
            return row.x.reduce(kind)
        lost = row.missing.cast(np.int32).reduce("ReduceMin" if row.skipped else "ReduceMax").cast(np.bool_)
        there = row.missing.where(np.asarray(empty, row.x.dtype), row.x).reduce(kind)
        return lost.where(np.asarray(np.nan, row.x.dtype), there)

    return reduce


def _count(row: Row) -> Tensor:
    there = elements.constant_like(row.x, np.int64(1)) if row.missing is None else (~row.missing).cast(np.int64)
    return there.reduce("ReduceSum")


def _logical(kind: str) -> Callable[[Row], Tensor]:
    def reduce(row: Row) -> Tensor:
        """A missing number is true, unless it is skipped."""
        flags = row.x if row.x.dtype == np.bool_ else ~row.x.equals(0)
        if row.skipped and row.missing is not None and kind == "ReduceMax":
            flags = flags & ~row.missing
        return flags.cast(np.int32).reduce(kind).cast(np.bool_)

    return reduce


KINDS: dict[str, Callable[[Row], Tensor]] = {
    "all": _logical("ReduceMin"),
    "any": _logical("ReduceMax"),
    "count": _count,
    "max": _extreme("ReduceMax", -np.inf),
    "mean": _mean,
    "min": _extreme("ReduceMin", np.inf),
    "prod": _product,
    "std": lambda row: _variance(row).unary("Sqrt"),
    "sum": _sum,
    "var": _variance,
}
