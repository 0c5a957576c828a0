"""Owns the stand-in of a column of dates or of the times between them: operations, constants beside it."""

from __future__ import annotations

import datetime
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from convert.graph.graph import Tensor
from convert.tracing.recorder import calendar, elements
from convert.tracing.recorder.held import column
from convert.tracing.recorder.operators import COMPARISONS
from convert.tracing.recorder.recorder import Recorder, quietly
from convert.tracing.recorder.refusals import only, refuse
from convert.tracing.rows.moments import Moment
from convert.tracing.standins.cells.cell import Cell
from convert.tracing.standins.cells.together import answers_of, put_together
from convert.tracing.standins.cells.ways import Ways
from convert.tracing.standins.dates.parts import WAYS_OUT, Parts
from convert.tracing.standins.row_count import RowCount, labels_of
from convert.tracing.standins.standin import StandIn, shown
from convert.witness.frame import PER_SECOND

SERIES = pd.Series
COMPARED = {ufunc: act for act, ufunc in COMPARISONS.values()}


class Times(StandIn):
    """Stands for a Series of dates, or of times between them: seconds in float64, whose missing ones are NaN."""

    __slots__ = ()
    _typ = "series"

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        """So that a person's isinstance(x, pd.Series) holds."""
        return SERIES

    shape = property(lambda self: (RowCount(len(self.concrete)),))
    ndim = 1
    dtype = property(lambda self: self.concrete.dtype)
    index = property(lambda self: labels_of(self))
    name = property(lambda self: self.concrete.name)

    @property
    def unit(self) -> str:
        """In which its sample rows count."""
        return str(np.datetime_data(self.concrete.dtype)[0])

    @property
    def there(self) -> Tensor:
        """Where there is a value."""
        return calendar.is_moment(self.tensor, self.unit)

    @property
    def ticks(self) -> Tensor:
        """Its values as whole numbers of its unit."""
        return calendar.ticks(self.tensor, self.unit)

    @property
    def dt(self) -> Parts:
        """Its parts."""
        return Parts(self)

    def numbers(self, concrete: Any, counts: Tensor) -> Any:
        """Whole numbers as float64, as pandas has them where a value is missing."""
        whole = self.there.where(counts.cast(np.float64), np.float64(np.nan))
        return self.like(concrete.astype(np.float64), column(whole))

    def flags(self, concrete: Any, held: Tensor) -> Any:
        """Where something holds; nothing does of what is missing."""
        return self.like(concrete, column(held & self.there))

    def binary(self, act: Callable[[Any, Any], Any], ufunc: np.ufunc, left: Any, right: Any) -> Any:
        """Differences, sums with times between, and comparisons; shares of times between."""
        with quietly():
            concrete = act(shown(left), shown(right))
        unit = _unit_of(left, right)
        sides = [_Side(self.recorder, side, unit) for side in (left, right)]
        for side, other in (sides, sides[::-1]):
            if side.constant is not None and other.stand_in is not None:
                self.recorder.note(other.stand_in.tensor, points=[side.constant])
        there = sides[0].there & sides[1].there
        one, two = (side.ticks for side in sides)
        graph = self.recorder.graph
        if ufunc in COMPARED:
            held = one.equals(two) if ufunc in (np.equal, np.not_equal) else COMPARED[ufunc](one, two)
            held = ~(held & there) if ufunc is np.not_equal else held & there
            return self.like(concrete, column(held))
        if concrete.dtype.kind in "mM" and act in (operator.add, operator.sub):
            made = one + two if act is operator.add else one - two
            return self.like(concrete, column(calendar.seconds(made, unit, there)))
        if concrete.dtype.kind not in "mM" and ufunc in (np.divide, np.floor_divide):
            whole = elements.choose(graph, there, one.cast(np.float64) / two.cast(np.float64), np.nan)
            whole = whole.unary("Floor") if ufunc is np.floor_divide else whole
            return self.like(concrete.astype(np.float64), column(whole))
        raise refuse(f"numpy.{ufunc.__name__} of dates is not recorded", WAYS_OUT)

    def isna(self) -> Any:
        """Where a value is missing."""
        return self.like(self.concrete.isna(), column(~self.there))

    def notna(self) -> Any:
        """Where a value is there."""
        return ~self.isna()

    isnull, notnull = isna, notna

    def fillna(self, value: Any = None, **others: Any) -> Any:
        """Missing values replaced by a constant moment, or by another column's."""
        only(others)
        with quietly():
            concrete = self.concrete.fillna(shown(value))
        side = _Side(self.recorder, value, _unit_of(self, value))
        other = np.float64(side.constant) if side.stand_in is None else side.stand_in.tensor
        made = self.there.where(self.tensor, other)
        return self.like(concrete, column(self.recorder.keep_origin(made, self.tensor)))

    def copy(self, *_: Any, **__: Any) -> Any:
        """Another series with the same values."""
        return self.like(self.concrete.copy(), self.columns_)

    def rename(self, name: Any = None, **others: Any) -> Any:
        """Under another name."""
        only(others)
        return self.like(self.concrete.rename(name), self.columns_)

    def to_frame(self, name: Any = None) -> Any:
        """A frame of this one column."""
        return self.like(self.concrete.to_frame(*(() if name is None else (name,))), self.columns_)

    def astype(self, dtype: Any, **others: Any) -> Any:
        """Dates stay dates; as numbers they hang on pandas' unit of them."""
        only(others)
        if str(dtype).startswith("datetime64") and self.concrete.dtype.kind == "M":
            made = self.like(self.concrete.astype(dtype), self.columns_)
            times = int(PER_SECOND[self.unit] / PER_SECOND[made.unit])
            if times <= 1:
                return made
            cut = calendar.floored(self.ticks, times)
            return self.like(made.concrete, column(calendar.seconds(cut, made.unit, self.there)))
        raise refuse(
            "numbers or texts of dates are not recorded",
            "seconds are: (x - pd.Timestamp('1970-01-01')).dt.total_seconds()",
        )

    def apply(self, function: Any, **others: Any) -> Any:
        """A function of one date: both ways of each of its decisions are recorded."""
        only(others)
        ways = Ways()
        moment = Moment(self.dt, lambda column: Cell(self.recorder, column.tensor, ways))
        found = ways.follow(function, lambda called: called(moment))
        with quietly():
            concrete = answers_of(found, lambda: self.concrete.apply(function), self.concrete)
        return self.like(concrete, column(put_together(self.recorder, self.tensor, found)))

    map = apply

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or not hasattr(type(self.concrete), name):
            raise AttributeError(name)
        raise refuse(f"Series.{name} of dates is not recorded", WAYS_OUT)


def _moment(value: Any) -> Any:
    """A constant moment, or time between. Raises a refusal for a missing one, and for one in a time zone."""
    between = isinstance(value, datetime.timedelta | np.timedelta64)
    moment = pd.Timedelta(value) if between else pd.Timestamp(value)
    if moment is pd.NaT or getattr(moment, "tzinfo", None) is not None:
        raise refuse("a moment that is missing or has a time zone is not recorded", WAYS_OUT)
    return moment


def _unit_of(*sides: Any) -> str:
    """The finest unit of these, in which pandas puts one beside the other."""
    columns = [side.unit for side in sides if type(side) is Times]
    units: list[str] = columns + [_moment(side).unit for side in sides if not isinstance(side, StandIn)]
    return max(units, key=PER_SECOND.__getitem__)


class _Side:
    """One side of an operation in a ``unit``: a column of times, or one moment or time between for all rows."""

    def __init__(self, recorder: Recorder, value: Any, unit: str) -> None:
        self.stand_in = value if type(value) is Times else None
        self.constant: float | None = None
        if isinstance(value, StandIn) and self.stand_in is None:
            raise refuse("dates beside a column of others is not recorded", WAYS_OUT)
        graph = recorder.graph
        if self.stand_in is not None:
            rate = int(PER_SECOND[unit] / PER_SECOND[self.stand_in.unit])
            self.ticks, self.there = calendar.multiplied(self.stand_in.ticks, rate), self.stand_in.there
            return
        moment = _moment(value)
        count = moment.as_unit(unit).asm8.astype(np.int64).item()
        self.constant = count / PER_SECOND[unit]
        self.ticks, self.there = graph.constant(np.int64(count)), graph.constant(np.array(True))
