"""Owns what a DataFrame makes along the columns of each row, axis=1: running totals, medians, ranks, shifts.

Along the rows all of it is refused. Knows no names of columns.
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

ALONG = (1, "columns")


class AlongRows:
    """The part of a frame's stand-in that looks at several columns of a row."""

    __slots__ = ()

    @property
    def T(self: Any) -> Turned:  # noqa: N802  pandas' name
        """Rows as columns, to be turned back."""
        return Turned(self)

    def transpose(self: Any) -> Turned:
        """Rows as columns, to be turned back."""
        return Turned(self)

    def median(self: Any, axis: Any = 0, skipna: bool = True, numeric_only: bool = False, **others: Any) -> Any:
        """The middle of each row's numbers."""
        only(others)
        frame = _of_numbers(self, "median", axis, numeric_only)
        width = frame.columns_.width
        return _single(
            frame, "median", lambda x: along.quantile(x, width, 0.5, skipna, middle=True), axis=1, skipna=skipna
        )

    def quantile(self: Any, q: Any = 0.5, axis: Any = 0, numeric_only: bool = False, **others: Any) -> Any:
        """A linear quantile of each row's numbers."""
        only({name: value for name, value in others.items() if value != "linear"})
        frame = _of_numbers(self, "quantile", axis, numeric_only)
        if np.ndim(q):
            raise refuse("several quantiles at once are not recorded", "one after the other: df.quantile(0.25, axis=1)")
        width = frame.columns_.width
        return _single(frame, "quantile", lambda x: along.quantile(x, width, float(q), True), q, axis=1)

    def sem(self: Any, axis: Any = 0, skipna: bool = True, ddof: int = 1, **others: Any) -> Any:
        """The standard error of each row's mean."""
        only(others)
        deviation = _of_numbers(self, "sem", axis).std(axis=1, skipna=skipna, ddof=ddof)
        return deviation / np.sqrt(self.count(axis=1))

    def nunique(self: Any, axis: Any = 0, dropna: bool = True) -> Any:
        """How many different numbers each row has."""
        frame = _of_numbers(self, "nunique", axis)
        if not dropna:
            raise refuse("nunique(dropna=False) is not recorded", "leave it out")
        return _single(frame, "nunique", lambda x: along.distinct(x, frame.columns_.width), axis=1)

    def idxmax(self: Any, axis: Any = 0, skipna: bool = True, **others: Any) -> Any:
        """The name of the column with the largest number of a row."""
        return _named_place(self, "idxmax", "max", axis, skipna, others)

    def idxmin(self: Any, axis: Any = 0, skipna: bool = True, **others: Any) -> Any:
        """The name of the column with the least number of a row."""
        return _named_place(self, "idxmin", "min", axis, skipna, others)

    def rank(
        self: Any,
        axis: Any = 0,
        method: str = "average",
        numeric_only: bool = False,
        na_option: str = "keep",
        ascending: bool = True,
        pct: bool = False,
    ) -> Any:
        """The place of each number among those of its row."""
        frame = _of_numbers(self, "rank", axis, numeric_only)
        if na_option != "keep":
            raise refuse(f"rank(na_option={na_option!r}) is not recorded", "fillna first")
        given = {"method": method, "ascending": ascending, "pct": pct}
        make: Make = lambda x, width: along.ranks(x, width, method, ascending, pct)  # noqa: E731
        return _spread(frame, "rank", make, axis=1, **given)

    def diff(self: Any, periods: int = 1, axis: Any = 0) -> Any:
        """Each column less one before it."""
        frame = _of_numbers(self, "diff", axis).astype(np.float64)

        def make(x: Tensor, width: int) -> list[Tensor]:
            before = along.shifted(x, width, periods, np.nan)
            return [own - other for own, other in zip(along.singles(x, width), before, strict=True)]

        return _spread(frame, "diff", make, periods, axis=1)

    def pct_change(self: Any, periods: int = 1, axis: Any = 0, **others: Any) -> Any:
        """How much more each column is than one before it, as a part of that."""
        only(others)
        frame = _of_numbers(self, "pct_change", axis).astype(np.float64)

        def make(x: Tensor, width: int) -> list[Tensor]:
            before = along.shifted(x, width, periods, np.nan)
            return [own / other - 1.0 for own, other in zip(along.singles(x, width), before, strict=True)]

        with quietly():
            concrete = frame.concrete / frame.concrete.shift(periods, axis=1) - 1
        return _whole(frame, concrete, make)

    def shift(self: Any, periods: int = 1, freq: Any = None, axis: Any = 0, fill_value: Any = None) -> Any:
        """The column before in each one's place."""
        only({"freq": freq})
        frame = _of_numbers(self, "shift", axis)
        fill = np.nan if fill_value is None else fill_value
        if fill != fill:
            frame = frame.astype(np.float64)
        make: Make = lambda x, width: along.shifted(x, width, periods, fill)  # noqa: E731
        return _spread(frame, "shift", make, periods, axis=1, fill_value=fill)

    def ffill(self: Any, axis: Any = 0, **others: Any) -> Any:
        """Missing values as the last one before them in the row."""
        only(others)
        return _spread(_of_numbers(self, "ffill", axis), "ffill", lambda x, w: along.passed_on(x, w, True), axis=1)

    def bfill(self: Any, axis: Any = 0, **others: Any) -> Any:
        """Missing values as the next one behind them in the row."""
        only(others)
        return _spread(_of_numbers(self, "bfill", axis), "bfill", lambda x, w: along.passed_on(x, w, False), axis=1)


Make = Callable[[Tensor, int], Sequence[Tensor]]


def _of_numbers(frame: Any, name: str, axis: Any, numeric_only: bool = False) -> Any:
    """The frame, or its numbers. Raises a refusal for another axis than the columns."""
    if axis not in ALONG:
        raise refuse(f"DataFrame.{name}: {MIXES}", f"{IN_FIT}; along the columns of a row it is recorded: axis=1")
    return frame.select_dtypes(["number", "bool"]) if numeric_only else frame


def _single(frame: Any, name: str, make: Callable[[Tensor], Tensor], *args: Any, **keywords: Any) -> Any:
    """A series: what ``make`` gives for all columns as one tensor."""
    with quietly():
        concrete = getattr(frame.concrete, name)(*args, **keywords)
    table = frame.recorder.one(frame.columns_)
    return frame.like(concrete, column(frame.recorder.node(lambda: make(table))))


def _spread(frame: Any, name: str, make: Make, *args: Any, **keywords: Any) -> Any:
    """A frame of as many columns."""
    with quietly():
        concrete = getattr(frame.concrete, name)(*args, **keywords)
    return _whole(frame, concrete, make)


def _whole(frame: Any, concrete: Any, make: Make) -> Any:
    recorder = frame.recorder
    found: list[Tensor] = []

    def node() -> Tensor:
        found.extend(make(recorder.one(frame.columns_), frame.columns_.width))
        return found[0]

    recorder.node(node)  # a refusal with the line, where there is no node
    return frame.like(concrete, Columns(recorder.graph, tuple((tensor, 1) for tensor in found)))


def _named_place(frame: Any, name: str, kind: str, axis: Any, skipna: bool, others: Any) -> Any:
    only(others)
    frame = _of_numbers(frame, name, axis)
    if not skipna:
        raise refuse(f"{name}(skipna=False) is not recorded", "leave it out")
    with quietly():
        concrete = getattr(frame.concrete.fillna(0), name)(axis=1)  # a row without numbers is an error to pandas
    table, width = frame.recorder.one(frame.columns_), frame.columns_.width
    names = list(frame.concrete.columns)
    values = elements.as_operand(table.graph, np.array(names), np.dtype(object if isinstance(names[0], str) else int))

    def make() -> Tensor:
        x = table.cast(np.int32) if table.dtype.kind == "b" else table
        place = along.place_of(reduced(kind, x, width, True), x)
        found: Tensor = x.graph.op("Gather", values, place, axis=0)
        return found

    return frame.like(concrete, column(frame.recorder.node(make)))


def _running(kind: str) -> Any:
    def method(self: Any, axis: Any = 0, skipna: bool = True, **others: Any) -> Any:
        only(others)
        make: Make = lambda x, width: along.running(kind, _added(kind, x), width, skipna)  # noqa: E731
        return _spread(_of_numbers(self, kind, axis), kind, make, axis=1, skipna=skipna)

    return method


def _added(kind: str, x: Tensor) -> Tensor:
    """In the type in which whole numbers and booleans are added up."""
    return x.cast(np.int64) if kind in ("cumsum", "cumprod") and x.dtype.kind in "bi" else x


for _name in along.JOINS:
    setattr(AlongRows, _name, _running(_name))
