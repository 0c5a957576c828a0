"""Numbers of workers: the same server under names of its own, and what each further worker costs."""

from __future__ import annotations

from bench.baselines.systems import System
from bench.record import results
from bench.record.results import Turn
from bench.turns.workers import render, variants
from tests.bench.report.test_table import FIGURES


def test_each_number_has_a_name_and_its_own_setting() -> None:
    one, eight = variants(System("dynonnx", ("serve",), {"PORT": "{port}"}), (1, 8))
    assert (one.name, eight.name) == ("1 worker", "8 workers")
    assert eight.environment == {"PORT": "{port}", "WEB_CONCURRENCY": "8"}


def test_the_cost_of_a_further_worker_is_told() -> None:
    run = results.new("x", {})
    for name, memory in (("1 worker", 77.0), ("2 workers", 86.0), ("8 workers", 146.0)):
        run.start_s[name] = 1.0
        run.turns.append(Turn("steady", name, FIGURES, memory_mb=memory))
    rows = [line.split() for line in render(run).splitlines()[1:]]
    assert [row[-2] for row in rows] == ["-", "9.0", "10.0"]
