"""Dates of own code are what pandas makes of them, also where made-up rows do not come."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from convert.errors import Refused
from tests.convert.tracing.test_rare_rows import answered
from tests.convert.tracing.test_steps import assert_same

TEXTS = [
    "0001-01-01",
    "1600-02-29",
    "1899-12-31T23:59:59.5",
    "1900-02-28",
    "1969-12-31T23:59:59.5",
    "1970-01-01",
    "2000-02-29T12:00",
    "2020-12-31",
    "2021-01-03",
    "2024-12-30",
    "2024-12-31T23:59:59.999999",
    "2300-01-01",
    "2500-06-30T01:02:03.5",
    "9999-12-31T23:59:59",
]
RARE = pd.DataFrame({"at": np.array([*TEXTS, "NaT"], "datetime64[us]")})
FEW = pd.DataFrame({"at": pd.date_range("2019-12-20 06:00", periods=40, freq="5D").astype("datetime64[us]")})
SECONDS = pd.DataFrame({"at": np.array([*TEXTS, "NaT"], "datetime64[us]").astype(np.int64) / 1e6}).where(RARE.notna())
IN_2020 = pd.Timestamp("2020-01-01").as_unit("ns")


def week(df: Any) -> Any:
    return df["at"].dt.isocalendar().week.astype(float)


def second_of_seconds(df: Any) -> Any:
    return df["at"].astype("datetime64[s]").dt.second


def day_of_year(df: Any) -> Any:
    return df["at"].dt.day_of_year


def month_end(df: Any) -> Any:
    return df["at"].dt.is_month_end.astype(float)


def year(df: Any) -> Any:
    return df["at"].dt.year


def later(df: Any) -> Any:
    return (df["at"] > IN_2020).astype(float)


@pytest.mark.parametrize("function", [week, second_of_seconds, day_of_year, month_end, year, later])
def test_dates_far_away_are_those_of_pandas(function: Any) -> None:
    assert_same(answered(function, FEW, SECONDS), function(RARE))


UNITS = {"D": 1 / 86_400, "s": 1.0, "ms": 1e3, "us": 1e6}


def counting(unit: str) -> Any:
    return lambda df: pd.to_datetime(df["n"], unit=unit, errors="coerce").dt


@pytest.mark.parametrize("unit", UNITS)
def test_numbers_that_count_a_unit_are_the_moments_of_pandas(unit: str) -> None:
    chance = np.random.default_rng(0)
    near = chance.integers(-(2**31), 2**32, 200) + chance.integers(0, 2, 200) * chance.random(200)
    far = np.array([1e10, 1e10 + 0.5, -6e10, 253_402_214_400.0, 1e18, np.nan, np.inf, -0.5, -1.0, 0.0])
    rare = pd.DataFrame({"n": np.concatenate([near, far]) * UNITS[unit]})
    few = pd.DataFrame({"n": np.linspace(0, 2e9, 40) * UNITS[unit]})
    alone = [counting(unit)(rare[at : at + 1]) for at in range(len(rare))]  # pandas' dates hang on the rows beside
    for part in ("second", "year"):
        expected = np.array([getattr(dates, part).iloc[0] for dates in alone])
        assert_same(answered(lambda df: getattr(counting(unit)(df), part), few, rare), expected)  # noqa: B023


def test_numbers_that_are_read_as_texts_of_dates_are_refused() -> None:
    with pytest.raises(Refused, match="20240229"):
        answered(lambda df: pd.to_datetime(df["at"], format="%Y%m%d").dt.year, FEW, SECONDS)
