"""Owns what numpy makes along the columns of each row, axis=1: running totals, order, quantiles, neighbours.

Along the rows all of it is refused. Knows no frames: theirs are taken as arrays.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from convert.graph.columns import Columns
from convert.graph.graph import Tensor
from convert.tracing.recorder import along, elements
from convert.tracing.recorder.held import column
from convert.tracing.recorder.recorder import quietly
from convert.tracing.recorder.reducing import reduced
from convert.tracing.recorder.refusals import IN_FIT, MIXES, only, refuse
from convert.tracing.rows.turned import Turned

ALONG = (1, -1)
RUNNING = {np.cumsum: "cumsum", np.cumprod: "cumprod", np.nancumsum: "cumsum", np.nancumprod: "cumprod"}
Function = Callable[..., Any]


class ArrayAlongRows:
    """The part of an array's stand-in that looks at several columns of a row."""

    __slots__ = ()

    @property
    def T(self: Any) -> Any:  # noqa: N802  numpy's name
        """Rows as columns, to be turned back; one dimension is itself."""
        return Turned(self) if self.concrete.ndim == 2 else self

    def transpose(self: Any) -> Any:
        """Rows as columns, to be turned back."""
        return self.T

    def cumsum(self: Any, axis: Any = None, **others: Any) -> Any:
        """Totals from the first column on."""
        return running(np.cumsum)(self, axis, **others)

    def cumprod(self: Any, axis: Any = None, **others: Any) -> Any:
        """Products from the first column on."""
        return running(np.cumprod)(self, axis, **others)

    def argmin(self: Any, axis: Any = None, **others: Any) -> Any:
        """The place of the least in each row, the first of several."""
        return argmin(self, axis, **others)

    def argsort(self: Any, axis: Any = -1, kind: Any = None, **others: Any) -> Any:
        """The places of a row's numbers, from the least to the largest."""
        return argsort(self, axis, kind, **others)


def _table(x: Any, name: str, axis: Any) -> Any:
    """The array of what a function gets. Raises a refusal for another axis than the columns."""
    whole = x.to_numpy() if hasattr(x.concrete, "to_numpy") else x
    if axis not in ALONG or whole.concrete.ndim != 2:
        raise refuse(
            f"numpy.{name} along the rows: {MIXES}", f"{IN_FIT}; along the columns of a row it is recorded: axis=1"
        )
    return whole


def _spread(x: Any, concrete: Any, make: Callable[[Tensor, int], Sequence[Tensor]]) -> Any:
    recorder = x.recorder
    found: list[Tensor] = []

    def node() -> Tensor:
        found.extend(make(recorder.one(x.columns_), x.columns_.width))
        return found[0]

    recorder.node(node)
    return x.like(concrete, Columns(recorder.graph, tuple((tensor, 1) for tensor in found)))


def _single(x: Any, concrete: Any, make: Callable[[Tensor, int], Tensor]) -> Any:
    recorder, table = x.recorder, x.recorder.one(x.columns_)
    return x.like(concrete, column(recorder.node(lambda: make(table, x.columns_.width))))


def running(own: Any) -> Function:
    """cumsum and its kin."""

    def call(x: Any, axis: Any = None, **others: Any) -> Any:
        only(others)
        x = _table(x, own.__name__, axis)
        with quietly():
            concrete = own(x.concrete, axis=1)

        def make(table: Tensor, width: int) -> list[Tensor]:
            made = along.running(RUNNING[own], table.cast(concrete.dtype), width, False)
            if not own.__name__.startswith("nan"):
                return made
            neutral = np.asarray(along.JOINS[RUNNING[own]][1], concrete.dtype)
            filled = elements.missing(table).where(neutral, table.cast(concrete.dtype))
            return along.running(RUNNING[own], filled, width, False)

        return _spread(x, concrete, make)

    return call


def diff(x: Any, n: int = 1, axis: Any = -1, **others: Any) -> Any:
    """Each column less the one before it: one column fewer."""
    only({name: None if value is np._NoValue else value for name, value in others.items()})
    x = _table(x, "diff", axis)
    if n != 1 or x.concrete.dtype.kind == "b":
        raise refuse("numpy.diff of booleans, or several times, is not recorded", "np.diff(np.diff(X))")
    return x[:, 1:] - x[:, :-1]


def sort(x: Any, axis: Any = -1, **others: Any) -> Any:
    """Each row from its least number to its largest."""
    only({name: value for name, value in others.items() if name not in ("kind", "stable")})
    x = _table(x, "sort", axis)
    return _spread(x, np.sort(x.concrete, axis=1), along.ordered)


def argsort(x: Any, axis: Any = -1, kind: Any = None, **others: Any) -> Any:
    """The places of a row's numbers, in order: of equal ones only a stable kind says which is the first."""
    stable = kind in ("stable", "mergesort") or others.pop("stable", None) is True
    only(others)
    x = _table(x, "argsort", axis)
    if not stable:
        raise refuse("numpy.argsort puts equal numbers in an order of its own", 'say which: kind="stable"')

    def make(table: Tensor, width: int) -> list[Tensor]:
        ranks = along.ranks(table, width, "first", True, False)
        if table.dtype.kind == "f":
            gone = [elements.missing(own) for own in along.singles(table, width)]
            behind = zip(gone, _behind(gone, width), ranks, strict=True)
            ranks = [flag.where(last, rank) for flag, last, rank in behind]
        places = []
        for at in range(width):
            place = elements.constant_like(ranks[0], np.int64(0))
            for column_at, rank in enumerate(ranks):
                place = rank.equals(float(at + 1)).where(np.int64(column_at), place)
            places.append(place)
        return places

    return _spread(x, np.argsort(x.concrete, axis=1, kind="stable"), make)


def _behind(gone: Sequence[Tensor], width: int) -> list[Tensor]:
    """The places of missing numbers, which are behind all others in their order."""
    counts = along.total([flag.cast(np.float64) for flag in gone])
    seen, places = counts * 0.0, []
    for flag in gone:
        seen = seen + flag.cast(np.float64)
        places.append(seen + float(width) - counts)
    return places


def argmin(x: Any, axis: Any = None, **others: Any) -> Any:
    """The place of the least in each row: the first of several, the first that is missing."""
    only(others)
    x = _table(x, "argmin", axis)

    def make(table: Tensor, width: int) -> Tensor:
        table = table.cast(np.int32) if table.dtype.kind == "b" else table
        place = along.place_of(reduced("min", table, width, True), table)
        if table.dtype.kind != "f":
            return place
        gone = elements.missing(table).cast(np.int32)
        return gone.reduce("ReduceMax").cast(np.bool_).where(gone.argmax().reshape(-1, 1), place)

    return _single(x, x.concrete.argmin(axis=1), make)


def ptp(x: Any, axis: Any = None, **others: Any) -> Any:
    """The largest of a row less the least."""
    only(others)
    x = _table(x, "ptp", axis)
    return x.max(axis=1) - x.min(axis=1)


def middle(own: Any) -> Function:
    """median and nanmedian."""

    def call(x: Any, axis: Any = None, keepdims: bool = False, **others: Any) -> Any:
        only(others)
        x = _table(x, own.__name__, axis)
        with quietly():
            concrete = own(x.concrete, axis=1)
        skip = own is np.nanmedian
        made = _single(x, concrete, lambda table, width: along.quantile(table, width, 0.5, skip, middle=True))
        return made.reshape(-1, 1) if keepdims is True else made

    return call


def shares(own: Any) -> Function:
    """percentile, quantile and their kin: of several they are the columns of rows turned about."""
    hundred = 100.0 if "percentile" in own.__name__ else 1.0

    def call(x: Any, q: Any, axis: Any = None, **others: Any) -> Any:
        only({name: value for name, value in others.items() if not (name == "method" and value == "linear")})
        x = _table(x, own.__name__, axis)
        skip = own.__name__.startswith("nan")
        listed = np.atleast_1d(np.asarray(q, np.float64)).tolist()
        with quietly():
            concrete = own(x.concrete, listed, axis=1).T

        def make(table: Tensor, width: int) -> list[Tensor]:
            return [along.quantile(table, width, share / hundred, skip) for share in listed]

        made = _spread(x, concrete, make)
        return Turned(made) if np.ndim(q) else made[:, 0]

    return call


def average(x: Any, axis: Any = None, weights: Any = None, **others: Any) -> Any:
    """The mean of each row, weighed by constants."""
    only(others)
    x = _table(x, "average", axis)
    if weights is None:
        return x.mean(axis=1)
    weights = np.asarray(weights)
    if weights.ndim != 1:
        raise refuse("numpy.average with other weights than one for each column is not recorded", "(X * w).sum(axis=1)")
    return (x * weights).sum(axis=1) / weights.sum()


def count_nonzero(x: Any, axis: Any = None, **others: Any) -> Any:
    """How many of a row are not zero."""
    only(others)
    return (_table(x, "count_nonzero", axis) != 0).sum(axis=1)


def flip(x: Any, axis: Any = None) -> Any:
    """The columns from the last to the first."""
    return _table(x, "flip", axis)[:, ::-1]


def rows_of(items: Sequence[Any]) -> Any:
    """Columns in a list, as np.array([a, b]) and np.vstack([a, b]) have them: rows turned into columns."""
    arrays = [item.to_numpy() if hasattr(item.concrete, "to_numpy") else item for item in items]
    if any(array.concrete.ndim != 1 for array in arrays):
        raise refuse("an array of several tables is not recorded", "np.hstack([a, b])")
    return Turned(np.column_stack(arrays))


FUNCTIONS: dict[Any, Function] = {
    **{own: running(own) for own in RUNNING},
    **{own: middle(own) for own in (np.median, np.nanmedian)},
    **{own: shares(own) for own in (np.percentile, np.quantile, np.nanpercentile, np.nanquantile)},
    np.argmin: argmin,
    np.argsort: argsort,
    np.average: average,
    np.count_nonzero: count_nonzero,
    np.diff: diff,
    np.flip: flip,
    np.fliplr: lambda x: flip(x, 1),
    np.ptp: ptp,
    np.sort: sort,
    np.transpose: lambda x, *_: x.T,
}
