"""Owns numpy's functions that put columns beside others, or take some. Knows no others."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from convert.graph.columns import Columns
from convert.graph.graph import Tensor
from convert.tracing.recorder import elements
from convert.tracing.recorder.recorder import Recorder, quietly
from convert.tracing.recorder.refusals import refuse
from convert.tracing.standins.functions.given import Function, bare, recorder_of, to_array
from convert.tracing.standins.standin import StandIn, alike


def beside(values: Sequence[Any], concrete: Any, recorder: Recorder) -> Any:
    """Arrays side by side, as numpy joins them."""
    like = next(value for value in values if isinstance(value, StandIn)).columns_.take([0]).parts[0][0]
    parts: list[tuple[Tensor, int]] = []
    for value in values:
        if isinstance(value, StandIn):
            parts += value.columns_.parts
            continue
        constant = np.atleast_1d(alike(recorder, value))
        parts += [(recorder.node(functools.partial(_filled, like, item)), 1) for item in constant]
    if concrete.dtype.kind == "U" and not all(elements.is_text(tensor) for tensor, _ in parts):
        raise refuse("it puts numbers beside texts into one array, which makes texts of them", "use a DataFrame")
    return recorder.wrap(concrete, Columns(recorder.graph, tuple(parts)))


def _filled(like: Tensor, value: Any) -> Tensor:
    kind = elements.joint_dtype([value])
    return elements.constant_like(like, elements.as_operand(like.graph, value, kind))


def joined(own: Function, axes: Sequence[Any]) -> Function:
    """One of numpy's functions that put arrays side by side; ``axes`` are those that mean that."""

    def join(arrays: Any, *args: Any, **keywords: Any) -> Any:
        axis = keywords.get("axis", args[0] if args else 0)
        with quietly():
            concrete = own([bare(array) for array in arrays], *args, **keywords)
        if axis not in axes:
            raise refuse(f"numpy.{own.__name__} puts rows under rows", "axis=1 puts columns beside columns")
        return beside(list(arrays), concrete, recorder_of(*arrays))

    return join


def delete(x: Any, places: Any, axis: Any = None) -> Any:
    """Without some columns."""
    if axis != 1:
        raise refuse("numpy.delete takes rows away", "axis=1 takes columns")
    return x[:, np.delete(np.arange(x.concrete.shape[1]), places)]


def take(x: Any, places: Any, axis: Any = None) -> Any:
    """Some columns."""
    if axis != 1:
        raise refuse("numpy.take takes some of the rows", "axis=1 takes columns")
    return x[:, places]


def expand_dims(x: Any, axis: Any) -> Any:
    """[rows] as [rows, 1]."""
    if axis not in (1, -1) or x.concrete.ndim != 1:
        raise refuse("numpy.expand_dims adds a dimension that is not recorded", "reshape(-1, 1)")
    return to_array(x).reshape(-1, 1)


def insert(x: Any, at: int, value: Any, axis: Any = None) -> Any:
    """A column put among others."""
    if axis != 1 or not isinstance(at, int):
        raise refuse("numpy.insert puts rows among rows", "axis=1 puts a column")
    kind = x.concrete.dtype
    new = value.astype(kind) if isinstance(value, StandIn) else np.full((x.recorder.rows, 1), value, kind)
    return np.concatenate([x[:, :at], new if np.ndim(new) == 2 else new.reshape(-1, 1), x[:, at:]], axis=1)
