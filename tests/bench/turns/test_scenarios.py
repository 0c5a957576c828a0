"""The rarer scenarios, on real small servers: what each leaves in the results."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bench.baselines.serving import Running
from bench.turns.bench import Bench
from bench.turns.scenarios import SCENARIOS, RunOptions

Serve = Callable[..., Running]


@pytest.mark.slow
def test_a_spike_is_one_turn_with_its_moments(made_bench: Bench, standin: Serve) -> None:
    SCENARIOS["spike"](made_bench, [standin()], RunOptions(rate=30))
    (turn,) = made_bench.results.turns
    assert [what for _, what in turn.events] == ["x 10", "x 1"]
    assert turn.figures.failed == 0
    assert turn.series is not None
    assert max(turn.series.rate) > 5 * turn.series.rate[0]


@pytest.mark.slow
def test_a_soak_says_what_memory_grew_by(made_bench: Bench, standin: Serve) -> None:
    SCENARIOS["soak"](made_bench, [standin()], RunOptions(rate=50, seconds=0.1))
    assert made_bench.results.turns[0].figures.seconds == 3
    assert "memory grew by" in made_bench.results.notes[0]


@pytest.mark.slow
def test_clients_that_misbehave_are_counted_beside_the_good_ones(made_bench: Bench, standin: Serve) -> None:
    SCENARIOS["badclients"](made_bench, [standin()], RunOptions(rate=50, seconds=1))
    (turn,) = made_bench.results.turns
    assert turn.figures.failed == 0
    (note,) = made_bench.results.notes
    for misdeed in ("leaves_at_once", "sends_half", "talks_nonsense", "trickles", "sends_bad_json"):
        assert misdeed in note


def test_larger_bodies_have_cases_of_their_own(made_bench: Bench) -> None:
    larger = made_bench.with_rows(1000)
    assert len(larger.cases) >= 3
    assert len(larger.cases[0].expected["prediction"]) == 1000
    assert larger.cases_file != made_bench.cases_file
