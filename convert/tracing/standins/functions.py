"""Owns what numpy's functions of whole arrays are when they get stand-ins. Knows no methods of theirs."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from convert.graph.columns import Columns
from convert.graph.graph import Tensor
from convert.tracing.recorder import elements, nodes
from convert.tracing.recorder.recorder import CURRENT, Recorder, column, quietly
from convert.tracing.recorder.reducing import reduced
from convert.tracing.recorder.refusals import IN_FIT, MIXES, RECORDED, VECTORISED, only, refuse
from convert.tracing.rows import arrays as along_rows
from convert.tracing.standins.row_count import RowCount
from convert.tracing.standins.standin import StandIn, alike, operand

Function = Callable[..., Any]


def recorder_of(*values: Any) -> Recorder:
    """The recording that one of these stand-ins, or of what is in these lists, belongs to."""
    for value in values:
        if isinstance(value, StandIn):
            return value.recorder
        if isinstance(value, list | tuple | dict):
            inner = value.values() if isinstance(value, dict) else value
            if holds_stand_in(value):
                return recorder_of(*inner)
    raise refuse("a function gets no rows to record", RECORDED)


def holds_stand_in(value: Any) -> bool:
    """Whether this is a stand-in, or a list or dict with one in it."""
    if isinstance(value, StandIn):
        return True
    if type(value) in (list, tuple):
        return any(map(holds_stand_in, value))
    return type(value) is dict and any(map(holds_stand_in, value.values()))


def bare(value: Any) -> Any:
    """Sample rows in place of stand-ins, also within lists; of series and frames their arrays."""
    if isinstance(value, StandIn):
        return np.asarray(value.concrete)
    return type(value)(map(bare, value)) if type(value) in (list, tuple) else value


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


def isin(x: Any, values: Any, **keywords: Any) -> Any:
    """Where a value is among constants."""
    with quietly():
        concrete = np.isin(bare(x), values, **keywords)
    listed = [value for value in np.ravel(np.asarray(list(values), object)) if value == value]  # NaN equals none
    made = x.recorder.each(lambda t: nodes.holds_any(t, listed), x.columns_)
    flags = x.recorder.wrap(np.isin(bare(x), values), made)
    return ~flags if keywords.get("invert") else x.recorder.wrap(concrete, made)


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


def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:  # noqa: A002  numpy's name
    """The length of each row."""
    if axis not in (1, -1) or ord not in (None, 1, 2):
        raise refuse(f"numpy.linalg.norm of all rows, or of order {ord}: {MIXES}", IN_FIT)
    x = x if x.concrete.dtype.kind == "f" else x.astype(np.float64)
    squares = np.abs(x) if ord == 1 else x * x
    total = squares.sum(axis=1, keepdims=keepdims)
    return total if ord == 1 else np.sqrt(total)


def like_it(value: Any) -> Function:
    """zeros_like, ones_like and full_like: a constant for each row."""

    def make(x: Any, *given: Any, **keywords: Any) -> Any:
        told = value if value is not None else given[0] if given else keywords["fill_value"]
        dtype = keywords.get("dtype")
        concrete = np.full_like(bare(x), told, dtype=dtype)
        kind = concrete.dtype
        filled = x.recorder.each(lambda t: elements.constant_like(t, np.asarray(told).astype(kind)), x.columns_)
        return x.recorder.wrap(concrete, filled)

    return make


def filled_rows(own: Function) -> Function:
    """zeros, ones, empty and full: of as many rows as there are, one that can be set as any other."""

    def make(shape: Any, *args: Any, **keywords: Any) -> Any:
        rows = shape[0] if type(shape) is tuple and shape else shape
        recorder = CURRENT.get()
        if type(rows) is not RowCount or recorder is None or recorder.first is None:
            return own(shape, *args, **keywords)
        concrete = (np.zeros if own is np.empty else own)(shape, *args, **keywords)
        if concrete.ndim > 2 or concrete.dtype.kind not in "biuf" or len(concrete) != recorder.rows:
            return concrete
        value = np.ravel(concrete)[:1].reshape(())
        column_of_it = elements.constant_like(recorder.first, value)
        width = 1 if concrete.ndim == 1 else concrete.shape[1]
        return recorder.wrap(concrete, Columns(recorder.graph, ((column_of_it, 1),) * width))

    return make


def by_method(name: str) -> Function:
    """A function that is a method of what it gets."""
    return lambda x, *args, **keywords: getattr(x, name)(*args, **keywords)


def skipping(kind: str) -> Function:
    """nansum and its kin."""

    def reduce(x: Any, axis: Any = None, **keywords: Any) -> Any:
        if axis not in (1, -1) or keywords.keys() - {"keepdims", "ddof"}:
            raise refuse(f"numpy.nan{kind} along the rows: {MIXES}", IN_FIT)
        with quietly():
            concrete = getattr(np, f"nan{kind}")(bare(x), axis=1, **keywords)
        tensor = x.recorder.one(x.columns_)
        made = x.recorder.node(lambda: reduced(kind, tensor, x.columns_.width, True, keywords.get("ddof", 0)))
        return x.recorder.wrap(concrete, column(made))

    return reduce


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


def to_array(x: Any) -> Any:
    """A series or frame as the array that holds its values."""
    return x.to_numpy() if hasattr(x.concrete, "to_numpy") else x


def insert(x: Any, at: int, value: Any, axis: Any = None) -> Any:
    """A column put among others."""
    if axis != 1 or not isinstance(at, int):
        raise refuse("numpy.insert puts rows among rows", "axis=1 puts a column")
    kind = x.concrete.dtype
    new = value.astype(kind) if isinstance(value, StandIn) else np.full((x.recorder.rows, 1), value, kind)
    return np.concatenate([x[:, :at], new if np.ndim(new) == 2 else new.reshape(-1, 1), x[:, at:]], axis=1)


FUNCTIONS: dict[Any, Function] = {
    np.append: lambda x, y, axis=None: joined(np.concatenate, (1, -1))([x, y], axis=axis),
    np.argmax: by_method("argmax"),
    np.around: by_method("round"),
    np.clip: clip,
    np.column_stack: joined(np.column_stack, (0,)),
    np.concatenate: joined(np.concatenate, (1, -1)),
    np.copy: by_method("copy"),
    np.delete: delete,
    np.digitize: digitize,
    np.dot: lambda x, y: x @ y,
    np.expand_dims: expand_dims,
    np.full_like: like_it(None),
    np.hstack: joined(np.hstack, (0,)),
    np.insert: insert,
    np.interp: interp,
    np.isin: isin,
    np.linalg.norm: norm,
    np.nan_to_num: nan_to_num,
    np.ndim: lambda x: x.ndim,
    np.ones_like: like_it(1),
    np.ravel: lambda x, *_: to_array(x).ravel(),
    np.reshape: lambda x, shape, *_, **__: to_array(x).reshape(shape),
    np.round: by_method("round"),
    np.searchsorted: searchsorted,
    np.select: select,
    np.shape: lambda x: x.shape,
    np.stack: joined(np.stack, (1, -1)),
    np.take: take,
    np.vstack: along_rows.rows_of,
    np.where: where,
    np.zeros_like: like_it(0),
}
FUNCTIONS |= {
    getattr(np, kind): by_method(kind) for kind in ("sum", "mean", "min", "max", "std", "var", "prod", "all", "any")
}
FUNCTIONS |= along_rows.FUNCTIONS
FUNCTIONS |= {np.amin: by_method("min"), np.amax: by_method("max")}
FUNCTIONS |= {getattr(np, f"nan{kind}"): skipping(kind) for kind in ("sum", "mean", "min", "max", "std", "var", "prod")}
