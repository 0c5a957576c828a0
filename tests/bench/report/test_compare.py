"""Comparing runs: what changed, what the rounds alone would explain, what makes them less than comparable."""

from __future__ import annotations

from dataclasses import replace

from bench.record.results import Results, Turn
from bench.report.compare import changes, differences, render
from tests.support.bench.runs import FIGURES, a_run


def with_rounds(*p99_ms: float) -> Results:
    run = a_run()
    run.turns = [Turn("steady", "dynonnx", replace(FIGURES, p99_ms=value), memory_mb=80.0) for value in p99_ms]
    return run


def p99(before: Results, after: Results) -> tuple[float, bool]:
    (change,) = [
        each for each in changes(before, after) if each.figure == "steady p99, ms" and each.system == "dynonnx"
    ]
    return round(change.part, 3), change.clear


def test_a_change_beyond_every_round_is_clear() -> None:
    assert p99(with_rounds(2.0, 2.2, 2.1), with_rounds(4.0, 4.4, 4.2)) == (1.0, True)


def test_a_change_within_the_rounds_is_not() -> None:
    assert p99(with_rounds(2.0, 5.0, 2.1), with_rounds(3.0, 3.1, 4.0)) == (0.476, False)


def test_equal_runs_show_no_clear_change() -> None:
    assert not [change for change in changes(a_run(), a_run()) if change.clear or change.part]
    assert "+0.0%" in render(a_run(), a_run())


def test_other_machines_and_settings_are_said() -> None:
    other = a_run()
    other.settings = dict(other.settings) | {"goal_ms": 20.0}
    other.machine = dict(other.machine) | {"processor": "another"}
    assert len(differences(a_run(), other)) == 2
    assert "goal_ms: 50.0 before, 20.0 after" in render(a_run(), other)


def test_runs_of_other_contenders_have_nothing_in_common() -> None:
    other = a_run()
    other.start_s = {"mine": 1.0}
    assert "no figure in common" in render(a_run(), other)
