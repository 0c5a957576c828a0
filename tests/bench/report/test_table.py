"""The tables: medians over rounds, ratios, verdicts; limits and faults spelled out."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from bench.record import results
from bench.record.results import PEAK, Knee, Turn
from bench.report import table
from tests.support.bench.runs import FIGURES, a_micro_run, peak, steady_run


def test_the_steady_row_is_the_median_of_the_rounds_and_the_worst_maximum() -> None:
    rounds = [replace(FIGURES, p99_ms=value, max_ms=value * 2) for value in (1.0, 2.0, 30.0)]
    (row,) = [line.split() for line in table.render(steady_run(*rounds)).splitlines() if line.startswith("dynonnx")]
    assert row == ["dynonnx", "499", "0.50", "1.00", "2.00", "60.00", "0", "10%", "80"]


def test_a_rate_that_the_generator_could_not_exceed_is_a_lower_bound() -> None:
    run = steady_run(FIGURES)
    run.knees.append(Knee("dynonnx", 8000, 16000, "the generator was busy 99% of the time", generator_bound=True))
    run.peaks.append(peak(PEAK, "dynonnx", 32, 1, 90_000.0))
    assert ">= 8,000" in table.render(run)
    assert "90,000" in table.render(run)


def test_every_other_scenario_has_its_rows() -> None:
    run = steady_run(FIGURES)
    run.turns.append(Turn("bodies of 10 rows", "dynonnx", replace(FIGURES, asked_rate=63, errors={"http 503": 4})))
    (row,) = [line for line in table.render(run).splitlines() if line.startswith("bodies of 10 rows")]
    assert row.split()[4:13] == ["dynonnx", "63", "499", "0.50", "1.00", "2.00", "3.00", "9.00", "4"]


def test_faults_are_spelled_out() -> None:
    text = table.render(
        steady_run(replace(FIGURES, errors={"wrong answer: probability": 3}, limit="the generator was busy"))
    )
    assert "WRONG ANSWERS: 3" in text
    assert "wrong answer: probability x3" in text
    assert "not the server, steady dynonnx at 500/s: the generator was busy" in text


def test_an_empty_interrupted_run_can_be_shown() -> None:
    run = results.new("x", {})
    run.interrupted = True
    assert "interrupted" in table.render(run)


def test_the_table_shows_every_system_and_verdict() -> None:
    run = a_micro_run()
    shown = table.render(run)
    (line,) = [line for line in shown.splitlines() if line.split()[:2] == ["32", "dynonnx"]]
    assert line.split()[2:] == ["100,000", "320", "640", "9.0", "90%", "20.00x", "20.00x", "0.50x", "0.50x"]
    assert "NOT reached" in shown
    assert max(map(len, shown.splitlines())) <= 120


def test_faults_are_said_aloud() -> None:
    run = a_micro_run()
    run.peaks.append(peak("iris", "dynonnx", 1, 4, 1e5, faults={"wrong answer: prediction": 2, "wrk: status": 1}))
    assert sum(run.faults.values()) == 3
    assert "FAULTS: iris dynonnx: wrong answer: prediction x2" in table.render(run)


def test_a_busy_machine_is_said_aloud() -> None:
    run = a_micro_run()
    assert "other processes" not in table.render(run)
    run.peaks[:] = [replace(each, others=0.4) for each in run.peaks]
    assert "other processes took 40% of the server's core" in table.render(run)


def test_the_file_holds_all_of_it(tmp_path: Path) -> None:
    run = a_micro_run()
    said = json.loads(run.write(tmp_path).read_bytes())
    assert len(said["peaks"]) == len(run.peaks)
    assert said["bare"]["iris"]["run_us"] == {"1": 4.0, "64": 10.0}
    assert [target["reached"] for target in said["targets"]] == [True, True, False, True, True]


def test_the_cost_of_a_further_worker_is_told() -> None:
    run = results.new("x", {})
    for name, memory in (("1 worker", 77.0), ("2 workers", 86.0), ("8 workers", 146.0)):
        run.start_s[name] = 1.0
        run.turns.append(Turn("steady", name, FIGURES, memory_mb=memory))
    (costs,) = [made for made in table.tables(run) if "MB per further worker" in made.rows[0]]
    assert [row[2] for row in costs.rows[1:]] == ["-", "9.0", "10.0"]
