"""Owns numpy's functions that choose between values: where, select, clip and their kin. Knows no others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from convert.graph.columns import Columns
from convert.graph.graph import Tensor
from convert.tracing.recorder import elements, nodes
from convert.tracing.recorder.recorder import Recorder, quietly
from convert.tracing.recorder.refusals import VECTORISED, only, refuse
from convert.tracing.standins.functions.given import bare, recorder_of
from convert.tracing.standins.standin import StandIn, operand


def where(condition: Any, yes: Any = None, no: Any = None) -> Any:
    """``condition ? yes : no``."""
    if yes is None and no is None:
        raise refuse("numpy.where with a condition alone takes some of the rows", "np.where(condition, a, b)")
    recorder = recorder_of(condition, yes, no)
    with quietly():
        concrete = np.where(bare(condition), bare(yes), bare(no))
    return chosen(recorder, concrete, condition, yes, no)


def chosen(recorder: Recorder, concrete: Any, condition: Any, yes: Any, no: Any) -> Any:
    """A choice whose sample rows are known."""
    if not isinstance(condition, StandIn):
        raise refuse("a choice by a condition that is no column is not recorded", VECTORISED)
    sides = [as_told(operand(recorder, value, concrete), concrete) for value in (yes, no)]
    operands = [operand(recorder, condition, concrete), *sides]

    def make(flag: Tensor, a: Any, b: Any) -> Tensor:
        return elements.choose(recorder.graph, nodes.apply_ufunc(flag.graph, np.logical_not, [flag]), b, a)

    made = recorder.together(make, operands)
    return recorder.wrap(concrete, made)


def as_told(value: Any, concrete: Any) -> Any:
    """A constant as numpy puts it among texts of one length: NaN is the text nan."""
    if isinstance(value, Columns) or getattr(concrete, "dtype", np.dtype(object)).kind != "U":
        return value
    return str(value) if not np.ndim(value) else np.asarray(value).astype(str)


def select(conditions: Sequence[Any], choices: Sequence[Any], default: Any = 0) -> Any:
    """The choice of the first condition that holds."""
    with quietly():
        concrete = np.select([bare(c) for c in conditions], [bare(c) for c in choices], default)
    recorder = recorder_of(*conditions, *choices)
    made = as_told(operand(recorder, default, concrete), concrete)
    for condition, choice in reversed(list(zip(conditions, choices, strict=True))):
        other = as_told(operand(recorder, choice, concrete), concrete)
        parts = [operand(recorder, condition, concrete), other, made]
        made = recorder.together(lambda flag, a, b: elements.choose(recorder.graph, flag, a, b), parts)
    return recorder.wrap(concrete, made)


def clip(x: Any, low: Any = None, high: Any = None, out: Any = None, **keywords: Any) -> Any:
    """Between two limits; a missing number stays missing."""
    low = keywords.pop("a_min", keywords.pop("min", low))
    high = keywords.pop("a_max", keywords.pop("max", high))
    only({"out": out, **keywords})
    if hasattr(x.concrete, "columns") or hasattr(x.concrete, "index"):
        return x.clip(low, high)
    limited = x if low is None else np.maximum(x, low)
    return limited if high is None else np.minimum(limited, high)


def nan_to_num(x: Any, copy: bool = True, nan: float = 0.0, posinf: Any = None, neginf: Any = None) -> Any:
    """Missing and infinite numbers replaced."""
    if not copy:
        raise refuse("numpy.nan_to_num that writes into its rows is not recorded", "X = np.nan_to_num(X)")
    with quietly():
        concrete = np.nan_to_num(bare(x), nan=nan, posinf=posinf, neginf=neginf)
    largest = np.finfo(concrete.dtype).max if concrete.dtype.kind == "f" else 0.0

    def make(t: Tensor) -> Tensor:
        if t.dtype.kind != "f":
            return t
        high, low = (largest if posinf is None else posinf), (-largest if neginf is None else neginf)
        limited = t.equals(np.inf).where(np.asarray(high, t.dtype), t)
        limited = t.equals(-np.inf).where(np.asarray(low, t.dtype), limited)
        return elements.missing(t).where(np.asarray(nan, t.dtype), limited)

    return x.recorder.wrap(concrete, x.recorder.each(make, x.columns_))
