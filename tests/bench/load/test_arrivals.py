"""Arrivals: the asked rate, independent gaps, shares that add up, phases as text."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from bench.load.arrivals import Phase, due_times, format_phases, parse_phases, seconds_of


def test_phases_read_back_what_they_write() -> None:
    phases = (Phase(500, 10), Phase(1000, 0.5))
    assert parse_phases(format_phases(phases)) == phases
    assert seconds_of(phases) == 10.5


@pytest.mark.parametrize("text", ["500", "x10", "500x", "500x0", "-1x5", "500x10,", "nanx5"])
def test_text_that_is_no_phase_is_named(text: str) -> None:
    with pytest.raises(ValueError, match="RATExSECONDS"):
        parse_phases(text)


def test_each_phase_has_its_rate() -> None:
    times = np.array(list(due_times([Phase(1000, 10), Phase(4000, 10)])))
    first, second = np.count_nonzero(times < 10), np.count_nonzero(times >= 10)
    assert first == pytest.approx(10_000, abs=4 * 100)
    assert second == pytest.approx(40_000, abs=4 * 200)
    assert times.max() < 20


def test_gaps_are_those_of_independent_callers() -> None:
    gaps = np.diff(list(due_times([Phase(1000, 30)])))
    assert gaps.min() > 0
    assert gaps.std() == pytest.approx(gaps.mean(), rel=0.05)  # exponential: both are 1/rate


def test_the_same_seed_gives_the_same_arrivals() -> None:
    assert list(due_times([Phase(50, 5)])) == list(due_times([Phase(50, 5)]))
    assert list(due_times([Phase(50, 5)], seed=1)) != list(due_times([Phase(50, 5)], seed=2))


def test_shares_add_up_to_the_rate() -> None:
    whole = itertools.chain(due_times([Phase(800, 20)], 0.25, seed=1), due_times([Phase(800, 20)], 0.75, seed=2))
    assert len(list(whole)) == pytest.approx(16_000, abs=4 * 127)
