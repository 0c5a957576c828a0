"""Capacity: how many dynos a rate needs, what is extrapolated, what cannot be done."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bench.errors import BenchError
from bench.report.capacity import HEADROOM, choices, held_at, render
from tests.support.bench.runs import a_run


def test_the_held_rate_is_the_highest_that_kept_the_goal() -> None:
    assert held_at(a_run(), 50) == 8000
    assert held_at(a_run(), 10) == 4000
    with pytest.raises(BenchError, match="slower rates"):
        held_at(a_run(), 0.1)


def test_the_cheapest_comes_first_and_the_measured_type_is_named() -> None:
    every = choices(a_run(), rate=8000 * HEADROOM * 2.5, goal_ms=50)
    by_name = {row.size.name: row for row in every}
    assert by_name["standard-1x"].dynos == 3
    assert by_name["standard-1x"].dollars == 75
    assert by_name["standard-1x"].note == "measured"
    assert "extrapolated" in by_name["performance-l"].note
    assert by_name["eco"].dynos is None
    assert every[0].size.name == "standard-1x"


def test_a_type_with_too_little_memory_is_out() -> None:
    run = a_run()
    run.turns = [replace(turn, memory_mb=700.0) for turn in run.turns]
    by_name = {row.size.name: row for row in choices(run, 100, 50)}
    assert by_name["standard-1x"].dynos is None
    assert "too little memory" in by_name["standard-1x"].note
    assert by_name["standard-2x"].dynos == 1


def test_the_answer_says_what_it_assumes() -> None:
    text = render(a_run(), 100, 50)
    assert text.startswith("1 dyno of type eco (5 $ a month) for 100 requests/s at p99 under 50 ms.")
    assert "70% of what it holds" in text
    assert "Heroku promises no share" in text
