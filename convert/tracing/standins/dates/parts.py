"""Owns ``.dt`` of a column of dates or times between: years to seconds, names, weeks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from convert.graph.graph import Tensor
from convert.tracing.recorder import calendar, elements
from convert.tracing.recorder.held import column
from convert.tracing.recorder.recorder import quietly
from convert.tracing.recorder.refusals import only, refuse
from convert.witness.frame import PER_SECOND

if TYPE_CHECKING:
    from convert.tracing.standins.dates.times import Times

WAYS_OUT = ".dt.year, month, day, hour, dayofweek and their kin, differences with .dt.days, comparisons are recorded"


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
