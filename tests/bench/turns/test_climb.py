"""The climb: a knee is found where the server has it, and what ended it is said."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from bench.baselines.serving import Running
from bench.baselines.systems import System
from bench.load.generator import Phase
from bench.record.figures import Figures
from bench.turns.bench import Bench, steady_rounds
from bench.turns.climb import climb
from tests.support.bench.runs import FIGURES


@pytest.mark.slow  # by the clock
def test_a_climb_ends_where_the_connections_are_used_up(made_bench: Bench, standin: Callable[..., Running]) -> None:
    running = standin("--delay-ms", "40")  # 32 connections, 40 ms each: 800 a second and no more
    steady_rounds(made_bench, [running], rate=200, seconds=1, rounds=1)
    climb(made_bench, [running], [1600.0], seconds=1.5, goal_ms=150)
    (knee,) = made_bench.results.knees
    assert knee.held in (200, 570)
    assert knee.lost in (570, 1600)
    assert knee.why is not None
    assert [turn.scenario for turn in made_bench.results.turns] == ["steady", "steps", "steps"]
    assert all(turn.memory_mb is not None and turn.memory_mb > 5 for turn in made_bench.results.turns)
    assert all(turn.cpu_part is not None and 0 <= turn.cpu_part < 1.2 for turn in made_bench.results.turns)


@pytest.fixture
def server() -> Running:
    """A server that nobody asks."""
    return Running(System("standin", ()), None, "http://127.0.0.1:1", 0.0)


def answering(monkeypatch: pytest.MonkeyPatch, figures: Figures) -> list[float]:
    """Every turn has these figures; the rates that were asked so far."""
    asked: list[float] = []

    def turn(bench: Bench, running: Running, scenario: str, phase: Phase, *, direct: bool) -> Figures:
        asked.append(phase.rate)
        return figures

    monkeypatch.setattr(Bench, "turn", turn)
    return asked


def test_a_server_that_loses_the_first_rate_is_tried_below_it(
    made_bench: Bench, server: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = answering(monkeypatch, replace(FIGURES, p99_ms=40.0))
    climb(made_bench, [server], [100.0], seconds=0.5, goal_ms=20)
    assert asked == [100.0, 100.0, 50.0, 50.0]
    assert made_bench.results.knees[0].held is None


@pytest.mark.parametrize(
    ("figures", "tries"),
    [
        (replace(FIGURES, p99_ms=30.0), 2),
        (replace(FIGURES, p99_ms=30.0, errors={"http 503": 1}), 1),
        (replace(FIGURES, p99_ms=10.0), 1),
    ],
)
def test_a_rate_lost_by_its_p99_alone_is_tried_twice(
    made_bench: Bench, server: Running, monkeypatch: pytest.MonkeyPatch, figures: Figures, tries: int
) -> None:
    asked = answering(monkeypatch, figures)
    climb(made_bench, [server], [100.0], seconds=0.5, goal_ms=20, halvings=0)
    assert asked == [100.0] * tries
    assert made_bench.results.knees[0].lost == (None if figures.p99_ms == 10 else 100)
