"""A deploy under load: the old dyno goes, the new one comes, callers wait for it instead of failing."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from bench.baselines.systems import System, systems_for
from bench.dyno.router import executable
from bench.load.generator import Phase
from bench.record.results import Turn
from bench.turns.bench import Bench
from bench.turns.deploy import another_model, convert, restart, swap

STANDIN = Path(__file__).resolve().parents[2] / "support" / "bench" / "standin.py"
needs_router = pytest.mark.skipif(executable() is None, reason="HAProxy is not installed")


def restarted_turn(bench: Bench, cases_file: Path, phase: Phase) -> Turn:
    """A stand-in's restart, which callers wait out."""
    system = System("standin", (sys.executable, str(STANDIN), str(cases_file), "--port", "{port}"))
    restart(bench, system, None, phase)
    (turn,) = bench.results.turns
    (restarted, _), (up, _) = turn.events
    assert [what for _, what in turn.events] == ["restart", "new dyno up"]
    assert 0 < restarted < up
    assert turn.figures.max_ms is not None
    assert turn.figures.max_ms > (up - restarted) * 500  # who came first waited most of the gap
    assert "H" in bench.results.notes[0]
    return turn


@needs_router
def test_a_restart_is_seen_as_waiting_and_its_moments_are_marked(made_bench: Bench, cases_file: Path) -> None:
    restarted_turn(made_bench, cases_file, Phase(100, 1.5))


@needs_router
@pytest.mark.slow  # by the clock
def test_a_restart_loses_no_more_than_was_under_way(made_bench: Bench, cases_file: Path) -> None:
    turn = restarted_turn(made_bench, cases_file, Phase(100, 3))
    assert turn.events[1][0] < 5
    assert turn.figures.failed <= 1  # the stand-in does not drain: what it held when it was told to go is lost


@needs_router
@pytest.mark.slow  # by the clock
def test_a_version_appears_under_load_and_each_answer_is_held_to_its_own(made_bench: Bench, tmp_path: Path) -> None:
    first = convert(made_bench, made_bench.model, "iris")
    models = tmp_path / "repository"
    (models / "iris").mkdir(parents=True)
    first.rename(models / "iris" / "1")
    ours = systems_for("iris", made_bench.pickles, models)["dynonnx"]
    swap(made_bench, ours, None, Phase(100, 3))
    (turn,) = made_bench.results.turns
    assert [what for _, what in turn.events] == ["version 2 written", "version 2 answers"]
    assert turn.events[0][0] < turn.events[1][0] < 10
    assert turn.figures.failed == 0


def test_the_second_version_answers_otherwise_and_only_its_own_answers_are_right(made_bench: Bench) -> None:
    both = made_bench.with_version("2", another_model(made_bench))
    case = next(case for case in both.cases if case.versions["2"] != case.expected)
    old = b'{"prediction":"%s","probability":%.17g,"model_version":"1"}' % (
        case.expected["prediction"].encode(),
        case.expected["probability"],
    )
    assert case.fault(200, old) is None
    assert case.fault(200, old.replace(b'"1"', b'"2"')) == "wrong answer: probability"
    assert replace(case, versions={}).fault(200, old.replace(b'"1"', b'"2"')) is None
