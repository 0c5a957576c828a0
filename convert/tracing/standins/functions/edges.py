"""Owns numpy's functions that look a value up among constant sorted ones. Knows no others."""

from __future__ import annotations

from typing import Any

import numpy as np

from convert.graph.graph import Tensor
from convert.tracing.recorder import elements
from convert.tracing.recorder.held import column
from convert.tracing.recorder.recorder import quietly
from convert.tracing.recorder.refusals import IN_FIT, MIXES, only, refuse
from convert.tracing.standins.functions.given import bare
from convert.tracing.standins.standin import StandIn


def digitize(x: Any, bins: Any, right: bool = False) -> Any:
    """How many of the rising ``bins`` lie below."""
    edges = as_edges(bins)
    if (np.diff(edges) < 0).any():
        raise refuse("numpy.digitize with falling bins is not recorded", "sort them upwards")
    with quietly():
        concrete = np.digitize(bare(x), edges, right)
    return x.recorder.wrap(concrete, column(counted(x, edges, right)))


def as_edges(bins: Any) -> Any:
    """Edges as numpy compares with them: whole numbers stay such, as a double does not hold the largest ones."""
    edges = np.asarray(bins)
    return edges.astype(np.int64 if edges.dtype.kind in "bi" else np.float64)


def compared_with(edges: Any, value: Tensor) -> Tensor:
    """A value in the type in which numpy compares it with edges."""
    both_whole = edges.dtype.kind == "i" and value.dtype.kind in "bi"
    return value.cast(np.int64 if both_whole else np.float64)


def counted(x: StandIn, edges: Any, right: bool) -> Tensor:
    """[rows, 1]: how many edges lie below a value, or at it unless ``right``; all of them for a missing one."""
    x.recorder.note(x.tensor, points=edges.tolist())
    value = compared_with(edges, x.tensor)
    row = value.graph.constant(edges.reshape(1, -1).astype(value.dtype))
    below = (value > row) if right else (value >= row)
    count = below.cast(np.int64).reduce("ReduceSum")
    return elements.missing(value).where(np.int64(len(edges)), count)


def searchsorted(edges: Any, x: Any, side: str = "left", **others: Any) -> Any:
    """Where values would stand among constant sorted ones."""
    only(others)
    if not isinstance(x, StandIn) or isinstance(edges, StandIn):
        raise refuse(f"numpy.searchsorted in the rows: {MIXES}", IN_FIT)
    return digitize(x, np.asarray(edges), side == "left")


def interp(x: Any, places: Any, values: Any, left: Any = None, right: Any = None, **others: Any) -> Any:
    """Straight lines between fixed points."""
    only(others)
    with quietly():
        concrete = np.interp(bare(x), places, values, left, right)
    xs, ys = np.asarray(places, np.float64), np.asarray(values, np.float64)
    t = x.tensor.cast(np.float64)
    graph, made = t.graph, elements.constant_like(t, np.float64(ys[-1] if right is None else right))
    made = t.equals(xs[-1]).where(np.float64(ys[-1]), made)
    for at in range(len(xs) - 2, -1, -1):
        slope = (ys[at + 1] - ys[at]) / (xs[at + 1] - xs[at])
        made = (t < xs[at + 1]).where((t - xs[at]) * slope + ys[at], made)
    made = (t < xs[0]).where(np.float64(ys[0] if left is None else left), made)
    return x.recorder.wrap(concrete, column(elements.choose(graph, elements.missing(t), np.float64(np.nan), made)))
