"""Owns the stand-ins of columns of dates and of the times between them, with their ``.dt``. Knows no frames."""

from __future__ import annotations

import datetime
import operator
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from convert.graph.graph import Tensor
from convert.tracing.recorder import calendar, elements
from convert.tracing.recorder.operators import COMPARISONS
from convert.tracing.recorder.recorder import Recorder, column, quietly
from convert.tracing.recorder.refusals import RECORDED, only, refuse
from convert.tracing.rows.moments import Moment
from convert.tracing.standins.cells import Cell, Ways, answers_of, put_together
from convert.tracing.standins.row_count import RowCount, labels_of
from convert.tracing.standins.standin import StandIn, shown
from convert.witness.frame import PER_SECOND

WAYS_OUT = ".dt.year, month, day, hour, dayofweek and their kin, differences with .dt.days, comparisons are recorded"
SERIES = pd.Series
DIGITS = re.compile(r"(?:%[A-Za-z])+")  # a format without a mark between its numbers: what it reads may be one number
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


class Parts:
    """``series.dt``."""

    def __init__(self, times: Times) -> None:
        self._times = times
        self._moments = times.concrete.dtype.kind == "M"

    @property
    def days(self) -> Any:
        """Whole days between, downwards."""
        if self._moments:
            raise AttributeError("days")
        times = self._times
        return times.numbers(times.concrete.dt.days, calendar.floored(times.ticks, self._per(calendar.DAY)))

    @property
    def seconds(self) -> Any:
        """What is left of a day."""
        if self._moments:
            raise AttributeError("seconds")
        times = self._times
        return times.numbers(times.concrete.dt.seconds, calendar.floored(self._of_day(), self._per(1)))

    def total_seconds(self) -> Any:
        """All of it."""
        times = self._times
        with quietly():
            concrete = times.concrete.dt.total_seconds()
        return times.like(concrete, column(times.there.where(times.tensor, np.float64(np.nan))))

    def normalize(self) -> Any:
        """The beginning of its day."""
        times = self._times
        begin = times.ticks - self._of_day()
        return times.like(times.concrete.dt.normalize(), column(calendar.seconds(begin, times.unit, times.there)))

    def isocalendar(self) -> Any:
        """Weeks as ISO counts them."""
        return Weeks(self._times, self._calendar())

    def day_name(self, locale: Any = None) -> Any:
        """Monday to Sunday."""
        return self._named("day_name", self._calendar().weekday, locale, pd.Timestamp(2024, 1, 1), "D")

    def month_name(self, locale: Any = None) -> Any:
        """January to December."""
        month = self._calendar().civil[1] - np.int64(1)
        return self._named("month_name", month, locale, pd.Timestamp(2024, 1, 1), "MS")

    def _named(self, method: str, at: Tensor, locale: Any, first: Any, step: str) -> Any:
        only({"locale": locale})
        times, count = self._times, 7 if step == "D" else 12
        names = getattr(pd.date_range(first, periods=count, freq=step), method)().to_list()
        table = elements.as_operand(times.recorder.graph, np.array([*names, None], object), np.dtype(object))
        found = times.recorder.graph.op("Gather", table, times.there.where(at, np.int64(count)), axis=0)
        return times.like(getattr(times.concrete.dt, method)(), column(found))

    def _per(self, of: int) -> int:
        return int(of * PER_SECOND[self._times.unit])

    def _of_day(self) -> Tensor:
        graph, counts = self._times.recorder.graph, self._times.ticks
        return graph.op("Mod", counts, graph.constant(np.int64(self._per(calendar.DAY))))

    def _calendar(self) -> calendar.Calendar:
        return calendar.Calendar(calendar.floored(self._times.ticks, self._per(calendar.DAY)))

    def __getattr__(self, name: str) -> Any:
        times = self._times
        with quietly():  # some of their names will go
            concrete = getattr(times.concrete.dt, name)
        if self._moments and name in calendar.OF_DAYS:
            made = calendar.OF_DAYS[name](self._calendar())
            return times.flags(concrete, made) if made.dtype == np.bool_ else times.numbers(concrete, made)
        if self._moments and name in calendar.OF_TIMES:
            size, count = calendar.OF_TIMES[name]
            whole = calendar.floored(self._of_day(), self._per(size))
            part = times.recorder.graph.op("Mod", whole, times.recorder.graph.constant(np.int64(count)))
            return times.numbers(concrete, part)
        raise refuse(f"Series.dt.{name} is not recorded", WAYS_OUT)


class Weeks:
    """``series.dt.isocalendar()``."""

    def __init__(self, times: Times, days: calendar.Calendar) -> None:
        self._times, self._days = times, days

    @property
    def week(self) -> Any:
        """1 to 53."""
        return self._times.numbers(self._times.concrete.dt.isocalendar().week, self._days.week)

    @property
    def day(self) -> Any:
        """1 is Monday."""
        return self._times.numbers(self._times.concrete.dt.isocalendar().day, self._days.weekday + np.int64(1))

    def __getattr__(self, name: str) -> Any:
        raise refuse(f"{name} of isocalendar is not recorded", "isocalendar().week is")


def dates_in(series: Any, what: str) -> Any:
    """A column of the input as dates. Raises NeedsDates where its sample rows hold others, or a refusal."""
    if type(series) is Times:
        return series
    series.recorder.need_dates(series.tensor, what)
    raise refuse(f"{what} is asked of a column that is none of the input", RECORDED)


def to_datetime(x: Any, errors: str = "raise", unit: Any = None, **others: Any) -> Any:
    """Dates are dates already, whatever the format of texts; numbers count a ``unit`` since 1970."""
    allowed = {"format", "dayfirst", "yearfirst", "infer_datetime_format", "cache", "exact"}
    only({name: value for name, value in others.items() if name not in allowed})
    if DIGITS.fullmatch(str(others.get("format"))):
        raise refuse("pandas.to_datetime of numbers like 20240229 is not recorded", "texts like 2024-02-29 are")
    if type(x) is Times:
        return x.copy()
    if not hasattr(x, "concrete") or getattr(x.concrete, "ndim", 0) != 1 or not hasattr(x.concrete, "index"):
        raise refuse("pandas.to_datetime of several columns or an array is not recorded", "of a Series it is")
    if unit is None:
        return dates_in(x, "pandas.to_datetime")
    if unit not in calendar.NANOSECONDS or elements.is_text(x.tensor):
        raise refuse(f"pandas.to_datetime of numbers that count {unit!r} is not recorded", "unit='s' is")
    with quietly():
        concrete = pd.to_datetime(x.concrete, unit=unit, errors=errors).astype("datetime64[us]")
    size = calendar.NANOSECONDS[unit] / PER_SECOND["ns"]
    x.recorder.note(x.tensor, points=calendar.turns() / size)
    return x.like(concrete, column(calendar.since_1970(x.tensor.cast(np.float64), unit)))
