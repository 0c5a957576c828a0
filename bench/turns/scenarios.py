"""Owns the scenarios by name: what each asks of the systems. Knows nothing of dynos or of the command line."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench.baselines.systems import Placement, Running
from bench.errors import LoadFailed
from bench.load.arrivals import Phase
from bench.machine.processes import Child, clean_environment
from bench.record.findings import OURS
from bench.turns import bench as measure
from bench.turns.bench import Bench
from bench.turns.climb import climb
from bench.turns.deploy import deploy as replace_dyno
from bench.turns.deploy import swap as swap_version

QUICK_LADDER = (1000.0, 2000.0, 4000.0, 8000.0, 16000.0)
LADDER = (250.0, 500.0, 1000.0, 2000.0, 4000.0, 8000.0, 16000.0)


@dataclass(frozen=True, slots=True)
class Plan:
    """What was asked for: a rate in requests/s, seconds a turn, the p99 that counts as held, where, server cores."""

    rate: float = 250.0
    seconds: float = 10.0
    goal_ms: float = 50.0
    where: Placement = Placement()
    server_cores: int = 1


Scenario = Callable[[Bench, Sequence[Running], Plan], None]


def quick(bench: Bench, running: Sequence[Running], plan: Plan) -> None:
    """The three-minute form: one steady rate in two rounds, a coarse climb, peaks."""
    measure.steady(bench, running, plan.rate, plan.seconds, rounds=2)
    climb(bench, running, QUICK_LADDER, seconds=3, goal_ms=plan.goal_ms)
    measure.peaks(bench, running)


def steady(bench: Bench, running: Sequence[Running], plan: Plan) -> None:
    """One rate that all hold, in three interleaved rounds."""
    measure.steady(bench, running, plan.rate, plan.seconds, rounds=3)


def steps(bench: Bench, running: Sequence[Running], plan: Plan) -> None:
    """Doubling rates until each system loses them, closed in twice; then peaks."""
    climb(bench, running, LADDER, seconds=max(3.0, plan.seconds / 2), goal_ms=plan.goal_ms, halvings=2)
    measure.peaks(bench, running)


def deploy(bench: Bench, running: Sequence[Running], plan: Plan) -> None:
    """Behind the router, each system in dynos of its own: a restart; then, where it can, a new version."""
    phase = Phase(plan.rate, max(12.0, plan.seconds))
    for each in running:
        replace_dyno(bench, each.system, plan.where.dynos, phase)
    for each in running:
        if each.system.name == OURS:
            swap_version(bench, each.system, plan.where.dynos, phase)
    others = [each.system.name for each in running if each.system.name != OURS]
    if others:
        bench.results.notes.append(f"a new version without a restart: {', '.join(others)} cannot do it")


def spike(bench: Bench, running: Sequence[Running], plan: Plan) -> None:
    """The rate, for three seconds ten times the rate, the rate again."""
    phases = [Phase(plan.rate, 4), Phase(plan.rate * 10, 3), Phase(plan.rate, 8)]
    for each in running:
        bench.say(f"spike: {each.system.name} at {plan.rate:,.0f}/s, then ten times that", bench.seconds_of(phases))
        turn = bench.drive(each, each.door, "spike", phases)
        turn.events.extend([(4.0, "x 10"), (7.0, "x 1")])
        bench.results.turns.append(turn)


def soak(bench: Bench, running: Sequence[Running], plan: Plan) -> None:
    """One rate for thirty times the usual turn; what memory grows by is in the notes."""
    for each in running:
        bench.turn(each, "soak", Phase(plan.rate, plan.seconds * 30))
        memory = bench.results.turns[-1].memory_over_s
        if memory:
            grown = memory[-1][1] - memory[len(memory) // 10][1]
            bench.results.notes.append(
                f"soak of {each.system.name}: memory grew by {grown:+.1f} MB after the first tenth"
            )


def bodies(bench: Bench, running: Sequence[Running], plan: Plan) -> None:
    """Requests of 1, 10, 100, 1,000 rows at falling rates, so that rows a second stay within reach of all."""
    for rows in (1, 10, 100, 1000):
        made = bench.make_cases(rows)
        for each in running:
            made.turn(each, f"bodies of {rows} rows", Phase(max(5.0, plan.rate / rows**0.5), plan.seconds / 2))


def models(bench: Bench, running: Sequence[Running], plan: Plan) -> None:
    """Every example model in turn on one dynonnx; the baselines serve a single model and sit out."""
    everything = bench.make_model_cases()
    for each in running:
        if each.system.name == OURS:
            everything.turn(each, "models", Phase(plan.rate, plan.seconds))


def bad_clients(bench: Bench, running: Sequence[Running], plan: Plan) -> None:
    """The rate beside 32 clients that misbehave; what became of those is in the notes."""
    for each in running:
        log = bench.folder / f"badclients-{each.system.name}.json"
        command = [sys.executable, "-m", "bench.load.badclients", each.url, "--seconds", f"{plan.seconds + 3:g}"]
        with Child(command, log, clean_environment(), bench.generator.cores.generator) as bad:
            bench.turn(each, "badclients", Phase(plan.rate, plan.seconds))
            if bad.wait(plan.seconds + 30) != 0:
                raise LoadFailed("the clients that misbehave did not end well.", bad.log_tail())
        outcomes = json.loads(log.read_text("utf-8"))
        said = ", ".join(f"{what} x{number}" for what, number in sorted(outcomes.items()))
        bench.results.notes.append(f"bad clients of {each.system.name}: {said}")


SCENARIOS: dict[str, Scenario] = {
    "quick": quick,
    "steady": steady,
    "steps": steps,
    "deploy": deploy,
    "spike": spike,
    "soak": soak,
    "models": models,
    "bodies": bodies,
    "badclients": bad_clients,
}
