"""Owns how a column becomes one of dates: pandas.to_datetime, and what asks for dates that are none."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd

from convert.tracing.recorder import calendar, elements
from convert.tracing.recorder.held import column
from convert.tracing.recorder.recorder import quietly
from convert.tracing.recorder.refusals import RECORDED, only, refuse
from convert.tracing.standins.dates.times import Times
from convert.witness.frame import PER_SECOND

DIGITS = re.compile(r"(?:%[A-Za-z])+")  # a format without a mark between its numbers: what it reads may be one number


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
