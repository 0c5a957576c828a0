"""The README's table of peers: ours first, nginx last, medians of the rounds, what was not timed a dash."""

from __future__ import annotations

from bench.record import results
from bench.report.summary import markdown
from tests.support.bench.runs import peak


def test_a_line_a_server_and_a_column_a_model() -> None:
    run = results.new("x", {})
    run.titles = {
        "iris": "iris: scaler and logistic regression; one row a request",
        "forest": "forest: forest of 100 trees; one row a request",
    }
    rates = {"nginx": (130e3, 125e3), "slow": (1e3, 1e3), "quick": (32.46e3, 32.4e3), "dynonnx": (67.7e3, 70.5e3)}
    for system, (crowd, more) in rates.items():
        for number, speed in ((1, 1.0), (2, 0.5), (3, 1.0)):
            run.peaks.append(peak("iris", system, 1, number, 1e3))
            run.peaks.append(peak("iris", system, 32, number, crowd * speed))
            run.peaks.append(peak("iris", system, 128, number, more * speed))
    run.peaks.append(peak("forest", "dynonnx", 32, 1, 32.2e3))
    assert markdown(run, {"quick": "quick 1.2.3", "nginx": "nginx, a constant"}).splitlines() == [
        "| requests/s at 32 / 128 connections | iris: scaler and logistic regression | forest of 100 trees |",
        "| --- | --- | --- |",
        "| dynonnx | 67.7k / 70.5k | 32.2k / - |",
        "| quick 1.2.3 | 32.5k / 32.4k | - / - |",
        "| slow | 1.0k / 1.0k | - / - |",
        "| nginx, a constant | 130.0k / 125.0k | - / - |",
    ]


def test_nothing_timed_is_no_table() -> None:
    assert markdown(results.new("x", {}), {}) == ""
