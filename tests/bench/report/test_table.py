"""The table: medians over rounds, limits and faults spelled out. Results: read back what was written."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bench.errors import BenchError
from bench.record import results
from bench.record.figures import Figures
from bench.record.results import Knee, Results, Turn
from bench.report import table

FIGURES = Figures(
    asked_rate=500,
    seconds=5,
    requests=2500,
    rate=499.0,
    p50_ms=0.5,
    p95_ms=1.0,
    p99_ms=2.0,
    p999_ms=3.0,
    max_ms=9.0,
)


def a_run(*figures: Figures) -> Results:
    run = results.new("python -m bench quick", {"goal_ms": 50.0})
    run.start_s = {"dynonnx": 0.5}
    run.turns += [Turn("steady", "dynonnx", each, memory_mb=80.0, cpu_part=0.1) for each in figures]
    return run


def test_the_steady_row_is_the_median_of_the_rounds_and_the_worst_maximum() -> None:
    rounds = [replace(FIGURES, p99_ms=value, max_ms=value * 2) for value in (1.0, 2.0, 30.0)]
    (row,) = [line.split() for line in table.render(a_run(*rounds)).splitlines() if line.startswith("dynonnx")]
    assert row == ["dynonnx", "499", "0.50", "1.00", "2.00", "60.00", "0", "10%", "80"]


def test_a_rate_that_the_generator_could_not_exceed_is_a_lower_bound() -> None:
    run = a_run(FIGURES)
    run.knees.append(Knee("dynonnx", 8000, 16000, "the generator was busy 99% of the time", generator_bound=True))
    run.peaks["dynonnx"] = 90_000.0
    assert ">= 8,000" in table.render(run)
    assert "90,000" in table.render(run)


def test_every_other_scenario_has_its_rows() -> None:
    run = a_run(FIGURES)
    run.turns.append(Turn("bodies of 10 rows", "dynonnx", replace(FIGURES, asked_rate=63, errors={"http 503": 4})))
    (row,) = [line for line in table.render(run).splitlines() if line.startswith("bodies of 10 rows")]
    assert row.split()[4:] == ["dynonnx", "63", "0.50", "2.00", "9.00", "4"]


def test_faults_are_spelled_out() -> None:
    text = table.render(
        a_run(replace(FIGURES, errors={"wrong answer: probability": 3}, limit="the generator was busy"))
    )
    assert "WRONG ANSWERS: 3" in text
    assert "wrong answer: probability x3" in text
    assert "not the server, steady dynonnx at 500/s: the generator was busy" in text


def test_an_empty_interrupted_run_can_be_shown() -> None:
    run = results.new("x", {})
    run.interrupted = True
    assert "interrupted" in table.render(run)


def test_results_read_back_what_was_written(tmp_path: Path) -> None:
    run = a_run(FIGURES)
    run.knees.append(Knee("dynonnx", 1000, 2000, "p99 55 ms"))
    run.write(tmp_path)
    assert results.read(tmp_path) == run
    assert [file.name for file in tmp_path.iterdir()] == ["results.json"]


@pytest.mark.parametrize(("text", "why"), [("{", "not JSON"), ("{}", "format 1"), ("[]", "format 1")])
def test_what_are_no_results_is_named(tmp_path: Path, text: str, why: str) -> None:
    (tmp_path / "results.json").write_text(text, "utf-8")
    with pytest.raises(BenchError, match=why):
        results.read(tmp_path)


def test_runs_of_the_same_second_have_folders_of_their_own(tmp_path: Path) -> None:
    assert len({results.new_folder(tmp_path / "new") for _ in range(5)}) == 5


def test_missing_results_are_named(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="no results"):
        results.read(tmp_path / "nowhere")
