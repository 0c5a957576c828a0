"""The cost curve: it finds a straight cost, follows a box that slows down, and stays usable whatever is measured."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.batching.cost import MOST_ROWS, CostCurve


def learned(*runs: tuple[int, float]) -> CostCurve:
    """A curve that has seen these runs."""
    curve = CostCurve()
    for rows, seconds in runs:
        curve.learn(rows, seconds)
    return curve


def test_before_the_first_run_nothing_costs() -> None:
    curve = CostCurve()
    assert curve.seconds(1000) == 0.0
    assert curve.rows_within(0.025) == MOST_ROWS


def test_of_one_size_the_curve_is_flat() -> None:
    curve = learned(*[(16, 0.002)] * 10)
    assert curve.seconds(16) == pytest.approx(0.002)
    assert curve.seconds(1000) == pytest.approx(0.002)
    assert curve.rows_within(0.025) == MOST_ROWS


@given(st.floats(1e-6, 0.1), st.floats(0, 0.01), st.lists(st.integers(1, 2000), min_size=2, max_size=40))
def test_a_straight_cost_is_found(fixed: float, per_row: float, sizes: list[int]) -> None:
    curve = learned(*((rows, fixed + per_row * rows) for rows in sizes))
    for rows in sizes:
        assert curve.seconds(rows) == pytest.approx(fixed + per_row * rows, rel=1e-3)
    if max(sizes) >= 2 * min(sizes):
        assert curve.row_seconds == pytest.approx(per_row, rel=1e-3, abs=1e-6 * fixed)


@given(
    st.lists(st.tuples(st.integers(1, 10**7), st.floats(0, 1e4)), min_size=1, max_size=60),
    st.floats(1e-6, 10),
)
def test_whatever_is_measured_the_curve_stays_usable(runs: list[tuple[int, float]], share: float) -> None:
    curve = learned(*runs)
    assert curve.fixed_seconds >= 0.0
    assert curve.row_seconds >= 0.0
    assert math.isfinite(curve.seconds(10**6))
    assert curve.seconds(10) <= curve.seconds(11)
    rows = curve.rows_within(share)
    assert 1 <= rows <= MOST_ROWS
    if rows > 1:
        assert curve.seconds(rows) <= max(share, 2 * curve.fixed_seconds) * (1 + 1e-6)


@pytest.mark.parametrize("row_seconds", [5e-324, 1e-300, 1e-30])
def test_rows_that_cost_next_to_nothing_do_not_overflow(row_seconds: float) -> None:
    curve = CostCurve()
    curve.row_seconds = row_seconds
    assert curve.rows_within(0.025) == MOST_ROWS


def test_the_curve_survives_thousands_of_equal_runs() -> None:
    """The rows of a steady load hardly vary; what the first sizes taught must not drown in rounding."""
    curve = learned((1, 0.00011), (256, 0.00266))
    for _ in range(20_000):
        curve.learn(22, 0.0001 + 22e-5)
    assert curve.row_seconds == pytest.approx(1e-5, rel=0.01)
    assert curve.fixed_seconds == pytest.approx(1e-4, rel=0.1)


def test_the_curve_follows_a_box_that_becomes_slower() -> None:
    curve = learned(*[(rows, 1e-4 + 1e-5 * rows) for rows in (1, 4, 16, 64, 256)])
    for at in range(400):
        rows = 10 + at % 40
        curve.learn(rows, 2e-4 + 2e-5 * rows)
    assert curve.seconds(30) == pytest.approx(2e-4 + 6e-4, rel=0.05)


def test_a_run_fits_its_share() -> None:
    curve = learned((1, 0.0011), (10, 0.002), (100, 0.011))
    assert curve.rows_within(0.025) == pytest.approx(240, abs=1)


def test_a_model_slow_with_any_number_of_rows_still_shares_its_cost() -> None:
    """30 ms for a run and 10 us for a row: one row a run would answer 33 rows a second instead of thousands."""
    curve = learned((1, 0.03001), (100, 0.031))
    assert curve.rows_within(0.025) == pytest.approx(3000, rel=0.01)


def test_a_row_that_takes_longer_than_a_run_may_has_a_run_of_its_own() -> None:
    assert learned((1, 1.0), (2, 2.0)).rows_within(0.025) == 1


def test_where_nothing_costs_anything_nothing_is_limited() -> None:
    assert CostCurve().rows_within(0.0) == MOST_ROWS


def test_a_line_that_would_cost_less_than_nothing_without_rows_still_costs_the_mean_at_the_mean() -> None:
    curve = learned((1, 0.0), (3, 1.0))
    mean_rows, mean_seconds = (0.98 * 1 + 3) / 1.98, 1.0 / 1.98
    assert curve.fixed_seconds == 0.0
    assert curve.row_seconds * mean_rows == pytest.approx(mean_seconds)


def test_a_box_that_stood_still_in_a_run_is_forgotten_in_some_hundred_runs() -> None:
    """While nothing waits every request is tried, so there are such runs."""
    curve = learned(*[(1, 2e-5)] * 50, (8, 30.0))
    assert curve.seconds(1) > 0.1
    for _ in range(600):
        curve.learn(1, 2e-5)
    assert curve.seconds(1) < 4e-5
