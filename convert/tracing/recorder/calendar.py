"""Owns the calendar as nodes: year, month, day, week and time of day of moments. Knows nothing of stand-ins.

A moment is held as seconds since 1970 in float64, a missing one as NaN. It is counted in the ticks of its sample rows'
unit, as whole numbers, so that nothing is lost where days are cut off.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from convert.graph.graph import Array, Tensor
from convert.witness.frame import MOST_TICKS, PER_SECOND

DAY = 86_400  # seconds
ERA = 146_097  # days of 400 years, after which the calendar is the same
ERAS = 1_000  # before 1970, so that all counts are positive
SHIFT = ERA * ERAS + 719_468  # days from the 1st of March in the first of them
NANOSECONDS = {"D": 86_400_000_000_000, "s": 1_000_000_000, "ms": 1_000_000, "us": 1000}  # of units numbers may count
MOST_NANOSECONDS = np.iinfo(np.int64).max  # beyond them pandas has whole numbers of a unit alone
TURNS = (  # moments at which years, months and weeks turn
    "1999-12-31",
    "2000-02-29",
    "2019-12-30",
    "2020-01-01",
    "2020-12-31 23:59:59",
    "2024-02-29",
    "2024-07-01 12:00",
)
MONTHS = np.array([31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])


def is_moment(x: Tensor, unit: str = "us") -> Tensor:
    """Where there is one: a number that is not too large to be counted in ``unit``, and in microseconds."""
    return ~(x.is_nan() | (x.unary("Abs") > MOST_TICKS / max(PER_SECOND[unit], PER_SECOND["us"])))


def since_1970(x: Tensor, unit: str) -> Tensor:
    """Numbers that count a unit of `NANOSECONDS`, as seconds in float64; NaN where pandas has no moment.

    pandas takes whole numbers exactly, and of others what is behind the point, rounded to the digits that make a
    nanosecond; microseconds are what float64 holds, and they are cut off downwards as the calendar cuts off days.
    """
    graph, size = x.graph, NANOSECONDS[unit]
    there = is_moment(x * (size / PER_SECOND["ns"]))
    held = there.where(x, np.float64(0.0))
    whole = held.cast(np.int64)
    rest = held - whole.cast(np.float64)
    digits = 10.0 ** int(np.log10(size))
    behind = ((rest * digits).unary("Round") / digits * float(size)).cast(np.int64)
    counts = whole * np.int64(size // 1000) + floored(behind, 1000)
    far = graph.op("Abs", counts, dtype=np.int64) > np.int64(MOST_NANOSECONDS // 1000)
    return seconds(counts, "us", there & (rest.equals(0.0) | ~far))


def ticks(x: Tensor, unit: str) -> Tensor:
    """Seconds counted in a unit, as int64; nonsense where there is no moment."""
    counted = (x * PER_SECOND[unit]).unary("Round")
    return (counted.unary("Abs") <= MOST_TICKS).where(counted, np.float64(0.0)).cast(np.int64)


def seconds(counts: Tensor, unit: str, there: Tensor) -> Tensor:
    """Ticks as float64 seconds; NaN where there is no moment."""
    return there.where(counts.cast(np.float64) / PER_SECOND[unit], np.float64(np.nan))


def turns() -> Array:
    """`TURNS` as seconds."""
    return np.array(TURNS, "datetime64[s]").astype(np.float64)


def floored(counts: Tensor, by: int) -> Tensor:
    """How often ``by`` goes into whole numbers, downwards."""
    return (counts - counts.graph.op("Mod", counts, counts.graph.constant(np.int64(by)))) / np.int64(by)


def multiplied(counts: Tensor, by: int) -> Tensor:
    """Whole numbers in a finer unit; what is too many stays behind all others."""
    if by == 1:
        return counts
    most = counts.graph.constant(np.int64(np.iinfo(np.int64).max // by))
    least = counts.graph.constant(np.int64(-(np.iinfo(np.int64).max // by)))
    return counts.graph.op("Clip", counts, least, most) * np.int64(by)


@dataclass(frozen=True, slots=True)
class Calendar:
    """What the calendar says of days since 1970 [rows, 1], all as int64."""

    days: Tensor

    @property
    def weekday(self) -> Tensor:
        """0 is Monday."""
        return self._mod(self.days + np.int64(ERA * ERAS + 3), 7)

    @property
    def civil(self) -> tuple[Tensor, Tensor, Tensor]:
        """Year, month and day, by counting from a March."""
        shifted = self.days + np.int64(SHIFT)
        era = shifted / np.int64(ERA)
        day = shifted - era * np.int64(ERA)
        year = (day - day / np.int64(1460) + day / np.int64(36_524) - day / np.int64(ERA - 1)) / np.int64(365)
        day = day - (year * np.int64(365) + year / np.int64(4) - year / np.int64(100))
        month = (day * np.int64(5) + np.int64(2)) / np.int64(153)
        day = day - (month * np.int64(153) + np.int64(2)) / np.int64(5) + np.int64(1)
        late = month >= np.int64(10)
        month = late.where(month - np.int64(9), month + np.int64(3))
        return year + (era - np.int64(ERAS)) * np.int64(400) + late.cast(np.int64), month, day

    @property
    def leap(self) -> Tensor:
        """Whether its year has a 29th of February."""
        year = self.civil[0]
        fourth, hundredth, whole = (self._mod(year, by).equals(np.int64(0)) for by in (4, 100, 400))
        return (fourth & ~hundredth) | whole

    @property
    def day_of_year(self) -> Tensor:
        """1 is the 1st of January."""
        _, month, day = self.civil
        before = self.days.graph.constant(np.concatenate([[0], np.cumsum(MONTHS)[:-1]]).astype(np.int64))
        gone = self.days.graph.op("Gather", before, month - np.int64(1), axis=0)
        return gone + day + (self.leap & (month > np.int64(2))).cast(np.int64)

    @property
    def days_in_month(self) -> Tensor:
        """28 to 31."""
        month = self.civil[1]
        usual = self.days.graph.op(
            "Gather", self.days.graph.constant(MONTHS.astype(np.int64)), month - np.int64(1), axis=0
        )
        return usual + (self.leap & month.equals(np.int64(2))).cast(np.int64)

    @property
    def quarter(self) -> Tensor:
        """1 to 4."""
        return (self.civil[1] + np.int64(2)) / np.int64(3)

    @property
    def week(self) -> Tensor:
        """ISO's: the one of its Thursday."""
        thursday = Calendar(self.days - self.weekday + np.int64(3))
        return (thursday.day_of_year - np.int64(1)) / np.int64(7) + np.int64(1)

    def _mod(self, x: Tensor, by: int) -> Tensor:
        return x.graph.op("Mod", x, x.graph.constant(np.int64(by)))


def _first_of(every: int) -> Callable[[Calendar], Tensor]:
    def is_first(c: Calendar) -> Tensor:
        _, month, day = c.civil
        return c._mod(month - np.int64(1), every).equals(np.int64(0)) & day.equals(np.int64(1))

    return is_first


def _last_of(every: int) -> Callable[[Calendar], Tensor]:
    return lambda c: _first_of(every)(Calendar(c.days + np.int64(1)))


OF_DAYS: dict[str, Callable[[Calendar], Tensor]] = {
    "year": lambda c: c.civil[0],
    "month": lambda c: c.civil[1],
    "day": lambda c: c.civil[2],
    "weekday": lambda c: c.weekday,
    "dayofweek": lambda c: c.weekday,
    "day_of_week": lambda c: c.weekday,
    "dayofyear": lambda c: c.day_of_year,
    "day_of_year": lambda c: c.day_of_year,
    "quarter": lambda c: c.quarter,
    "days_in_month": lambda c: c.days_in_month,
    "daysinmonth": lambda c: c.days_in_month,
    "is_leap_year": lambda c: c.leap,
    "is_month_start": _first_of(1),
    "is_month_end": _last_of(1),
    "is_quarter_start": _first_of(3),
    "is_quarter_end": _last_of(3),
    "is_year_start": _first_of(12),
    "is_year_end": _last_of(12),
}
OF_TIMES = {"hour": (3600, 24), "minute": (60, 60), "second": (1, 60)}  # seconds of one, and how many there are
