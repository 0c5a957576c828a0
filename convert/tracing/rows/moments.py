"""Owns one date of every row, as ``Series.apply`` hands it to a function: its parts are values of the same row."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from convert.tracing.recorder.refusals import VECTORISED, refuse

PARTS = frozenset(
    ("day", "day_of_week", "day_of_year", "dayofweek", "dayofyear", "days_in_month", "hour", "is_month_end",
     "is_month_start", "is_quarter_end", "is_quarter_start", "is_year_end", "is_year_start", "minute", "month",
     "quarter", "second", "year")
)  # fmt: skip
CALLED = frozenset(("day_name", "isoweekday", "month_name", "weekday"))


class Moment:
    """One date; ``cell`` makes a value of a row of a column."""

    def __init__(self, parts: Any, cell: Callable[[Any], Any]) -> None:
        self._parts, self._cell = parts, cell

    def __getattr__(self, name: str) -> Any:
        if name in PARTS:
            return self._cell(getattr(self._parts, name))
        raise refuse(f"{name} of one date is not recorded", f"its parts are: month, hour, weekday(); or {VECTORISED}")

    def weekday(self) -> Any:
        """0 is Monday."""
        return self._cell(self._parts.dayofweek)

    def isoweekday(self) -> Any:
        """1 is Monday."""
        return self._cell(self._parts.dayofweek + 1)

    def day_name(self) -> Any:
        """Monday to Sunday."""
        return self._cell(self._parts.day_name())

    def month_name(self) -> Any:
        """January to December."""
        return self._cell(self._parts.month_name())
