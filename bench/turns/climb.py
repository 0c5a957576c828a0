"""Owns the climb to the knee: rates raised until they are lost, and why. Knows nothing of how a turn is made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bench.baselines.systems import Running
from bench.load.arrivals import Phase
from bench.record.figures import Figures
from bench.record.results import Knee, Results, Turn
from bench.turns.bench import Bench

HELD_PART = 0.97  # of the asked rate, answered rightly while it was asked


def climb(
    bench: Bench,
    running: Sequence[Running],
    ladder: Sequence[float],
    seconds: float,
    goal_ms: float,
    halvings: int = 1,
) -> None:
    """Raise the rate step by step until a system no longer holds it; then close in between the last two rates.

    A rate that is lost by its p99 alone is tried twice: a single pause of the machine would end the climb for good.
    """
    held = _held_steadily(bench.results, goal_ms)
    lost: dict[str, tuple[float, Figures]] = {}
    past: set[str] = set()
    for rate in ladder:
        for each in running:
            if each.system.name not in lost:
                _step(bench, each, Phase(rate, seconds), goal_ms, held, lost, past)
    for _ in range(halvings):
        for each in running:
            high = lost.get(each.system.name)
            if high is not None:
                rate = _between(held.get(each.system.name), high[0])
                _step(bench, each, Phase(rate, seconds), goal_ms, held, lost, past)
    for each in running:
        bench.results.knees.append(_knee(bench.results.turns, each.system.name, held, lost, goal_ms))


def why_lost(figures: Figures, goal_ms: float) -> str | None:
    """Why a rate was not held, in a few words; None when it was."""
    if figures.failed:
        name, number = max(figures.errors.items(), key=lambda error: error[1])
        return f"{figures.failed} of {figures.requests} failed, most often: {name} ({number})"
    if figures.rate < HELD_PART * figures.requests / figures.seconds:
        return f"answered only {figures.rate:,.0f}/s"
    if figures.p99_ms is None or figures.p99_ms > goal_ms:
        return f"p99 {figures.p99_ms or float('inf'):,.0f} ms"
    return None


def _between(low: float | None, high: float) -> float:
    """The rate as many times above ``low`` as below ``high``, in whole tens; half of ``high`` without ``low``."""
    return max(10.0, round(high / 2 if low is None else float((low * high) ** 0.5), -1))


def _held_steadily(results: Results, goal_ms: float) -> dict[str, float]:
    """The rates that the steady turns have already shown to be held, by system."""
    turns = [turn for turn in results.turns if turn.scenario == "steady"]
    missed = {turn.system for turn in turns if why_lost(turn.figures, goal_ms) is not None}
    return {turn.system: turn.figures.asked_rate for turn in turns if turn.system not in missed}


def _step(
    bench: Bench,
    running: Running,
    phase: Phase,
    goal_ms: float,
    held: dict[str, float],
    lost: dict[str, tuple[float, Figures]],
    past: set[str],
) -> None:
    """One rate for one system. Where generator and router lose it, it is asked again past the router (``past``)."""
    direct = running.system.name in past
    figures = bench.turn(running, "steps", phase, direct=direct)
    if why_lost(figures, goal_ms) is not None and figures.limit is not None and _has_way_round(running) and not direct:
        past.add(running.system.name)
        figures = bench.turn(running, "steps", phase, direct=True)
    elif _only_late(figures, goal_ms):
        figures = bench.turn(running, "steps", phase, direct=direct)
    if why_lost(figures, goal_ms) is None:
        held[running.system.name] = phase.rate
    else:
        lost[running.system.name] = (phase.rate, figures)


def _has_way_round(running: Running) -> bool:
    """Whether the requests can go past the router: with several dynos, nobody else shares them out."""
    return running.router is not None and not running.replicas


def _only_late(figures: Figures, goal_ms: float) -> bool:
    """Whether everything was answered rightly and in time but for p99: one pause of the machine does that too."""
    within = replace(figures, p99_ms=None if figures.p99_ms is None else min(figures.p99_ms, goal_ms))
    return why_lost(figures, goal_ms) is not None and why_lost(within, goal_ms) is None


def _knee(
    turns: Sequence[Turn],
    name: str,
    held: dict[str, float],
    lost: dict[str, tuple[float, Figures]],
    goal_ms: float,
) -> Knee:
    best = held.get(name)
    way = next((turn.way for turn in reversed(turns) if turn.system == name and turn.figures.asked_rate == best), "")
    if name not in lost:
        return Knee(name, best, None, "the highest rate that was tried", generator_bound=True, way=way)
    rate, figures = lost[name]
    if figures.limit is not None:
        return Knee(name, best, rate, figures.limit, generator_bound=True, way=way)
    return Knee(name, best, rate, why_lost(figures, goal_ms), way=way)
