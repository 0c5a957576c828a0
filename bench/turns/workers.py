"""Owns the question how many workers a dyno should have: the same server with 1, 2, 4, 8. Knows nothing of reports."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bench.baselines.systems import Running, System
from bench.record.results import Results
from bench.report.table import columns
from bench.turns import bench as measure
from bench.turns.bench import Bench
from bench.turns.climb import climb
from bench.turns.scenarios import Plan

COUNTS = (1, 2, 4, 8)
_LADDER = (1000.0, 2000.0, 4000.0, 8000.0, 16000.0)


def variants(ours: System, counts: Sequence[int] = COUNTS) -> list[System]:
    """The server once for each number of workers, named after it."""
    return [
        replace(
            ours,
            name=f"{count} worker{'s' if count > 1 else ''}",
            environment={**ours.environment, "WEB_CONCURRENCY": str(count)},
        )
        for count in counts
    ]


def turns(bench: Bench, running: Sequence[Running], plan: Plan) -> None:
    """Memory and latency at one rate, the knee, the peak."""
    measure.steady(bench, running, plan.rate, plan.seconds, rounds=2)
    climb(bench, running, _LADDER, seconds=4, goal_ms=plan.goal_ms)
    measure.peaks(bench, running)


def render(results: Results) -> str:
    """What another worker costs in memory, and what it brings on the cores that were given."""
    memory = {
        name: max((turn.memory_mb or 0.0 for turn in results.turns if turn.system == name), default=0.0)
        for name in results.systems
    }
    if len(memory) < 2:
        return ""
    names = list(memory)
    head = ["", "memory MB", "MB per further worker", "peak/s (wrk)"]
    rows = []
    for at, name in enumerate(names):
        more = int(name.split()[0]) - int(names[at - 1].split()[0]) if at else 0
        each = f"{(memory[name] - memory[names[at - 1]]) / more:.1f}" if more else "-"
        peak = results.peaks.get(name)
        rows.append([name, f"{memory[name]:,.0f}", each, f"{peak:,.0f}" if peak else "-"])
    return columns([head, *rows])
