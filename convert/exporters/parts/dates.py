"""Owns dates as numbers, seconds since 1970 without a time zone: how a file takes them. Knows nothing of columns."""

from __future__ import annotations

from typing import Any

import numpy as np

from convert.graph.graph import Array
from convert.witness.frame import PER_SECOND, dates_of

SECOND = np.timedelta64(1, "s")


def unit_of(dates: Array) -> str:
    """Numpy's unit of an array of dates; empty where seconds in float64 would not tell them apart, or it is no such."""
    if dates.dtype.kind != "M":
        return ""
    unit = np.datetime_data(dates.dtype)[0]
    exact = unit in PER_SECOND and np.array_equal(dates_of(seconds_of(dates), unit), dates, equal_nan=True)
    return unit if exact else ""


def seconds_of(dates: Any) -> Array:
    """Dates as float64; a missing one is NaN."""
    values = np.asarray(dates)
    return np.where(np.isnat(values), np.nan, (values - np.datetime64(0, "s")) / SECOND)
