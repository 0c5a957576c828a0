"""Owns what numpy's functions of whole arrays are when they get stand-ins. Knows no methods of theirs."""

from __future__ import annotations

from typing import Any

import numpy as np

from convert.tracing.recorder import nodes
from convert.tracing.recorder.held import column
from convert.tracing.recorder.recorder import quietly
from convert.tracing.recorder.reducing import reduced
from convert.tracing.recorder.refusals import IN_FIT, MIXES, refuse
from convert.tracing.rows import arrays as along_rows
from convert.tracing.standins.functions.choices import clip, nan_to_num, select, where
from convert.tracing.standins.functions.edges import digitize, interp, searchsorted
from convert.tracing.standins.functions.filling import like_it
from convert.tracing.standins.functions.given import Function, bare, to_array
from convert.tracing.standins.functions.joining import delete, expand_dims, insert, joined, take


def isin(x: Any, values: Any, **keywords: Any) -> Any:
    """Where a value is among constants."""
    with quietly():
        concrete = np.isin(bare(x), values, **keywords)
    listed = [value for value in np.ravel(np.asarray(list(values), object)) if value == value]  # NaN equals none
    made = x.recorder.each(lambda t: nodes.holds_any(t, listed), x.columns_)
    flags = x.recorder.wrap(np.isin(bare(x), values), made)
    return ~flags if keywords.get("invert") else x.recorder.wrap(concrete, made)


def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:  # noqa: A002  numpy's name
    """The length of each row."""
    if axis not in (1, -1) or ord not in (None, 1, 2):
        raise refuse(f"numpy.linalg.norm of all rows, or of order {ord}: {MIXES}", IN_FIT)
    x = x if x.concrete.dtype.kind == "f" else x.astype(np.float64)
    squares = np.abs(x) if ord == 1 else x * x
    total = squares.sum(axis=1, keepdims=keepdims)
    return total if ord == 1 else np.sqrt(total)


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
