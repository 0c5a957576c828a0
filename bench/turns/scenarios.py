"""Owns the scenarios by name: what each asks of the systems. Knows nothing of dynos or of the command line.

A new scenario is a function here and a line in ``SCENARIOS``; where it needs a chart, see ``report/scenario_charts``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bench.baselines.serving import Placement, Running
from bench.dyno import router
from bench.dyno.autoscaler import Rules
from bench.load.badclients import misbehaving
from bench.load.generator import Phase
from bench.load.models import example
from bench.record.results import OURS
from bench.turns import autoscale as autoscaling
from bench.turns import caching
from bench.turns.bench import Bench, steady_rounds
from bench.turns.climb import climb
from bench.turns.closed_loop import peaks
from bench.turns.deploy import restart, swap

QUICK_LADDER = (1000.0, 2000.0, 4000.0, 8000.0, 16000.0)
LADDER = (250.0, 500.0, *QUICK_LADDER)
WORKER_COUNTS = (1, 2, 4, 8)


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What was asked for: a rate in requests/s, seconds a turn, the p99 that counts as held, where, server cores."""

    rate: float = 250.0
    seconds: float = 10.0
    goal_ms: float = 50.0
    placement: Placement = Placement()
    server_cores: int = 1


Scenario = Callable[[Bench, Sequence[Running], RunOptions], None]


def quick(bench: Bench, systems: Sequence[Running], options: RunOptions, step_seconds: float = 3.0) -> None:
    """The three-minute form, also for numbers of workers: one steady rate in two rounds, a coarse climb, peaks."""
    steady_rounds(bench, systems, options.rate, options.seconds, rounds=2)
    climb(bench, systems, QUICK_LADDER, step_seconds, options.goal_ms)
    peaks(bench, systems)


def steady(bench: Bench, systems: Sequence[Running], options: RunOptions) -> None:
    """One rate that all hold, in three interleaved rounds."""
    steady_rounds(bench, systems, options.rate, options.seconds, rounds=3)


def steps(bench: Bench, systems: Sequence[Running], options: RunOptions) -> None:
    """Doubling rates until each system loses them, closed in twice; then peaks."""
    climb(bench, systems, LADDER, seconds=max(3.0, options.seconds / 2), goal_ms=options.goal_ms, halvings=2)
    peaks(bench, systems)


def deploy(bench: Bench, systems: Sequence[Running], options: RunOptions) -> None:
    """Behind the router, each system in dynos of its own: a restart; then, where it can, a new version."""
    if router.executable() is None:
        bench.results.notes.append(f"deploy was left out: {router.MISSING}")
        return
    phase = Phase(options.rate, max(12.0, options.seconds))
    for running in systems:
        restart(bench, running.system, options.placement.dynos, phase)
    for running in systems:
        if running.system.name == OURS:
            swap(bench, running.system, options.placement.dynos, phase)
    others = [running.system.name for running in systems if running.system.name != OURS]
    if others:
        bench.results.notes.append(f"a new version without a restart: {', '.join(others)} cannot do it")


def spike(bench: Bench, systems: Sequence[Running], options: RunOptions) -> None:
    """The rate, for three seconds ten times the rate, the rate again."""
    rate, phases = options.rate, [Phase(options.rate * times, seconds) for times, seconds in ((1, 4), (10, 3), (1, 8))]
    for running in systems:
        bench.say(f"spike: {running.system.name} at {rate:,.0f}/s, then ten times that", bench.seconds_of(phases))
        turn = bench.drive(running, running.asked_url, "spike", phases)
        turn.events.extend([(4.0, "x 10"), (7.0, "x 1")])


def soak(bench: Bench, systems: Sequence[Running], options: RunOptions) -> None:
    """One rate for thirty times the usual turn; what memory grows by is in the notes."""
    for running in systems:
        bench.turn(running, "soak", Phase(options.rate, options.seconds * 30))
        memory = bench.results.turns[-1].memory_over_s
        if memory:
            grown = f"{memory[-1][1] - memory[len(memory) // 10][1]:+.1f} MB after the first tenth"
            bench.results.notes.append(f"soak of {running.system.name}: memory grew by {grown}")


def bodies(bench: Bench, systems: Sequence[Running], options: RunOptions) -> None:
    """Requests of 1, 10, 100, 1,000 rows at falling rates, so that rows a second stay within reach of all."""
    for rows in (1, 10, 100, 1000):
        asking, phase = bench.with_rows(rows), Phase(max(5.0, options.rate / rows**0.5), options.seconds / 2)
        for running in systems:
            asking.turn(running, f"bodies of {rows} rows", phase)


def models(bench: Bench, systems: Sequence[Running], options: RunOptions) -> None:
    """Every example model in turn on one dynonnx; the baselines serve a single model and sit out."""
    asking = bench.with_all_models()
    for running in systems:
        if running.system.name == OURS:
            asking.turn(running, "models", Phase(options.rate, options.seconds))


def badclients(bench: Bench, systems: Sequence[Running], options: RunOptions) -> None:
    """The rate beside 32 clients that misbehave; what became of those is in the notes."""
    for running in systems:
        with misbehaving(running.url) as outcomes:
            bench.turn(running, "badclients", Phase(options.rate, options.seconds))
        counts = ", ".join(f"{what} x{number}" for what, number in sorted(outcomes.items()))
        bench.results.notes.append(f"bad clients of {running.system.name}: {counts}")


def cache(bench: Bench, systems: Sequence[Running], options: RunOptions) -> None:
    """Questions that come again by Zipf's law, to iris and to a large forest, answers kept and not; see `caching`."""
    ours = next((running.system for running in systems if running.system.name == OURS), None)
    if ours is None:
        bench.results.notes.append("cache was left out: it is of dynonnx alone")
        return
    cheap = example("iris", bench.pickles, Path(ours.environment["DYNONNX_MODELS"]))
    caching.cache(bench, cheap, options.seconds / 4)


def autoscale(bench: Bench, systems: Sequence[Running], options: RunOptions) -> None:
    """0.4 times the rate, up to 4 times and back, on as many small dynos of dynonnx as their own signal asks for."""
    dynos = options.placement.small
    if dynos is None or router.executable() is None:
        bench.results.notes.append(f"autoscale was left out: {router.MISSING}")
        return
    autoscaling.autoscale(bench, dynos, options.rate, options.goal_ms, autoscaling.Course(), Rules())


workers: Scenario = partial(quick, step_seconds=4.0)
SCENARIOS: dict[str, Scenario] = {
    scenario.__name__: scenario
    for scenario in (quick, steady, steps, deploy, spike, soak, models, bodies, badclients, cache, autoscale)
}
