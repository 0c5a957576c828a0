"""Owns the scenarios by name: what each asks of the contenders. Knows nothing of dynos or of the command line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench import measure
from bench.arrivals import Phase
from bench.contenders import Dynos, Running
from bench.deploy import deploy as replace_dyno
from bench.measure import Bench

QUICK_LADDER = (1000.0, 2000.0, 4000.0, 8000.0, 16000.0)
LADDER = (250.0, 500.0, 1000.0, 2000.0, 4000.0, 8000.0, 16000.0)


@dataclass(frozen=True, slots=True)
class Plan:
    """What the person asked for: a rate in requests/s, seconds a turn, the p99 that counts as held."""

    rate: float = 250.0
    seconds: float = 10.0
    goal_ms: float = 50.0
    dynos: Dynos | None = None


Scenario = Callable[[Bench, Sequence[Running], Plan], None]


def quick(bench: Bench, running: Sequence[Running], plan: Plan) -> None:
    """The three-minute form: one steady rate in two rounds, a coarse climb, peaks."""
    measure.steady(bench, running, plan.rate, plan.seconds, rounds=2)
    measure.climb(bench, running, QUICK_LADDER, seconds=3, goal_ms=plan.goal_ms)
    measure.peaks(bench, running)


def steady(bench: Bench, running: Sequence[Running], plan: Plan) -> None:
    """One rate that all hold, in three interleaved rounds."""
    measure.steady(bench, running, plan.rate, plan.seconds, rounds=3)


def steps(bench: Bench, running: Sequence[Running], plan: Plan) -> None:
    """Doubling rates until each contender loses them, closed in twice; then peaks."""
    measure.climb(bench, running, LADDER, seconds=max(3.0, plan.seconds / 2), goal_ms=plan.goal_ms, halvings=2)
    measure.peaks(bench, running)


def deploy(bench: Bench, running: Sequence[Running], plan: Plan) -> None:
    """A restart under load, behind the stand-in router; each contender gets dynos of its own for it."""
    for each in running:
        replace_dyno(bench, each.contender, plan.dynos, Phase(plan.rate, max(12.0, plan.seconds)))


SCENARIOS: dict[str, Scenario] = {"quick": quick, "steady": steady, "steps": steps, "deploy": deploy}
