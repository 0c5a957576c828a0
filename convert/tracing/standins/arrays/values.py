"""Owns what becomes of the values of a stand-in: another dtype, or one value along the columns of each row."""

from __future__ import annotations

import builtins
from typing import Any

import numpy as np

from convert.graph.graph import Tensor
from convert.tracing.recorder import elements
from convert.tracing.recorder.held import column
from convert.tracing.recorder.recorder import quietly
from convert.tracing.recorder.reducing import reduced
from convert.tracing.recorder.refusals import IN_FIT, MIXES, RECORDED, refuse
from convert.tracing.standins.standin import StandIn


def astype(thing: StandIn, dtype: Any, convert: Any) -> Any:
    """Another dtype, cell by cell: texts of whole numbers and booleans are not recorded."""
    with quietly():
        concrete = convert(dtype)

    def cast(x: Tensor) -> Tensor:
        wanted = np.dtype(object) if concrete.dtype.kind in "OUT" else np.dtype(concrete.dtype)
        if wanted.kind == "O":
            if elements.is_text(x):
                return x
            raise elements.NoNode("a column of numbers as texts")
        if elements.is_text(x):
            raise elements.NoNode("a column of texts as numbers")
        if wanted == np.bool_:
            return x if x.dtype == np.bool_ else ~x.equals(0)
        return x.cast(wanted)

    made = thing.recorder.each(cast, thing.columns_)
    for (before, _), (after, _) in zip(thing.columns_.parts, made.parts, strict=True):
        thing.recorder.keep_origin(after, before)
    return thing.like(concrete, made)


def reduce_rows(kind: str, array: StandIn, axis: Any = None, skip: bool = False, **keywords: Any) -> Any:
    """A reduction along the columns; along the rows it is refused."""
    own = getattr(np, kind)
    if axis not in (1, -1) or array.concrete.ndim != 2:
        raise refuse(f"{kind} along the rows: {MIXES}", IN_FIT)
    if keywords.keys() - {"keepdims", "ddof", "dtype", "out", "where", "initial"} or any_given(keywords):
        raise refuse(f"numpy.{kind} with {', '.join(keywords)} is not recorded", RECORDED)
    keep, ddof = keywords.get("keepdims", False) is True, keywords.get("ddof", 0)
    with quietly():
        given = {"ddof": ddof} if kind in ("std", "var") else {}
        concrete = (getattr(np, f"nan{kind}") if skip else own)(array.concrete, axis=1, keepdims=keep, **given)
    tensor = array.recorder.one(array.columns_)
    return array.like(
        concrete, column(array.recorder.node(lambda: reduced(kind, tensor, array.columns_.width, skip, ddof)))
    )


def any_given(keywords: dict[str, Any]) -> bool:
    """Whether a keyword is given that changes what is reduced."""
    plain = (None, np._NoValue)
    return builtins.any(
        keywords[name] not in plain for name in ("dtype", "out", "where", "initial") if name in keywords
    )


def place_of_largest(tensor: Tensor) -> Tensor:
    """[rows, 1]: where the largest value of each row is, the first of several."""
    if tensor.dtype.kind != "f":
        return _largest(tensor)
    gone = elements.missing(tensor).cast(np.int32)  # the first that is missing is the largest
    return gone.reduce("ReduceMax").cast(np.bool_).where(_largest(gone), _largest(tensor))


def _largest(tensor: Tensor) -> Tensor:
    return tensor.argmax().reshape(-1, 1)
