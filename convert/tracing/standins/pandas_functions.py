"""Owns what pandas' functions are when they get stand-ins: cut, concat, isna and their kin."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from convert.graph.columns import Columns
from convert.tracing.recorder import elements
from convert.tracing.recorder.held import column
from convert.tracing.recorder.recorder import quietly
from convert.tracing.recorder.refusals import MIXES, RECORDED, VECTORISED, only, refuse
from convert.tracing.recorder.texts import texts
from convert.tracing.recorder.texts.samples import NUMBERS
from convert.tracing.standins.cells.ways import is_cell
from convert.tracing.standins.dates.times import Times
from convert.tracing.standins.dummies import get_dummies
from convert.tracing.standins.frames import Frame
from convert.tracing.standins.functions.edges import as_edges, compared_with, counted
from convert.tracing.standins.series.series import Series
from convert.tracing.standins.standin import StandIn, shown

FIXED = "give the edges themselves, found in fit: pd.cut(x, [0, 12, 18, 65])"


def cut(
    x: Any, bins: Any, right: bool = True, labels: Any = None, include_lowest: bool = False, **keywords: Any
) -> Any:
    """Into bins with fixed edges: codes, or categories with the labels given."""
    if isinstance(bins, StandIn) or np.ndim(bins) == 0:
        raise refuse(f"pandas.cut into {bins!r} bins finds their edges in the rows: {MIXES}", FIXED)
    if keywords.keys() - {"ordered", "precision", "duplicates"}:
        raise refuse(f"pandas.cut with {', '.join(keywords)} is not recorded", RECORDED)
    with quietly():
        concrete = pd.cut(shown(x), bins, right=right, labels=labels, include_lowest=include_lowest, **keywords)
    if isinstance(concrete, pd.Categorical):
        raise refuse("pandas.cut of an array is not recorded", "of a Series it is: pd.cut(df['a'], ...)")
    edges = as_edges(bins)
    edges = np.unique(edges) if keywords.get("duplicates") == "drop" else edges
    count = counted(x, edges, right)
    value = compared_with(edges, x.tensor)
    if include_lowest and right:
        count = value.equals(edges[0].astype(value.dtype)).where(np.int64(1), count)
    inside = (count > 0) & (count < len(edges)) & ~elements.missing(value)
    code = inside.where(count - np.int64(1), np.int64(-1))
    if isinstance(concrete.dtype, pd.CategoricalDtype):
        if not concrete.dtype.ordered and labels is not None:  # one label may stand for several bins
            named = np.array([concrete.dtype.categories.get_loc(label) for label in labels] + [-1], np.int64)
            at = code.equals(-1).where(np.int64(len(named) - 1), code)
            code = x.recorder.graph.op("Gather", x.recorder.graph.constant(named), at, axis=0)
        return x.like(concrete, column(code))
    return x.like(concrete, column(inside.where(code.cast(np.float64), np.float64(np.nan))))


def qcut(x: Any, *_: Any, **__: Any) -> Any:
    """Quantiles are those of the rows."""
    raise refuse(f"pandas.qcut finds its edges in the rows: {MIXES}", FIXED)


def to_numeric(x: Any, errors: str = "raise", **others: Any) -> Any:
    """Numbers are numbers already; what makes none of some is hardly asked of numbers."""
    only({name: value for name, value in others.items() if name != "downcast"})
    if errors == "coerce":
        x.recorder.guess_text(x.tensor)
    else:
        x.recorder.doubt(x.tensor)
    if elements.is_text(x.tensor) and errors == "coerce":
        x.recorder.sample(x.tensor, NUMBERS)
        with quietly():
            concrete = pd.to_numeric(x.concrete, errors="coerce").astype(np.float64)
        return x.made(concrete, lambda values: x.recorder.read(texts.number(values), values))
    if elements.is_text(x.tensor):
        return x.astype(np.float64)
    return x.like(pd.to_numeric(x.concrete), x.columns_)


def isna(x: Any) -> Any:
    """Where a value is missing."""
    if is_cell(x):
        return x.of(lambda: elements.missing(x.tensor))
    if isinstance(x, Series | Frame) or type(x) is Times:
        return x.isna()
    return x.like(pd.isna(x.concrete), x.recorder.each(elements.missing, x.columns_))


def notna(x: Any) -> Any:
    """Where a value is there."""
    return ~isna(x)


def concat(objects: Any, axis: Any = 0, **keywords: Any) -> Any:
    """Tables of the same rows side by side."""
    if axis not in (1, "columns"):
        raise refuse("pandas.concat puts rows under rows", "axis=1 puts columns beside columns")
    items = list(objects.values()) if isinstance(objects, Mapping) else list(objects)
    if not all(isinstance(item, StandIn) for item in items):
        raise refuse("pandas.concat of rows with a table of its own is not recorded", VECTORISED)
    with quietly():
        concrete = pd.concat([shown(item) for item in items], axis=1, **keywords)
    parts = tuple(part for item in items for part in item.columns_.parts)
    return items[0].like(concrete, Columns(items[0].recorder.graph, parts))


FUNCTIONS: dict[Any, Any] = {
    pd.concat: concat,
    pd.cut: cut,
    pd.get_dummies: get_dummies,
    pd.isna: isna,
    pd.merge: lambda left, right, *args, **keywords: left.merge(right, *args, **keywords),
    pd.isnull: isna,
    pd.notna: notna,
    pd.notnull: notna,
    pd.qcut: qcut,
    pd.to_numeric: to_numeric,
}
