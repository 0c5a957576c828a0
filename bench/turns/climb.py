"""Owns the climb to the knee: rates raised until they are lost, and why. Knows nothing of how a turn is made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from bench.baselines.serving import Running
from bench.load.generator import Phase
from bench.record.figures import Figures, why_lost
from bench.record.results import Knee, Results
from bench.turns.bench import Bench


@dataclass(slots=True)
class _Climb:
    """How far every system has come, by its name; ``past`` holds those that are asked past the router."""

    bench: Bench
    seconds: float
    goal_ms: float
    held: dict[str, float]
    lost: dict[str, tuple[float, Figures]] = field(default_factory=dict)
    past: set[str] = field(default_factory=set)

    def step(self, running: Running, rate: float) -> None:
        """One rate for one system. Where generator and router lose it, it is asked again past the router."""
        name, phase = running.system.name, Phase(rate, self.seconds)
        has_way_round = running.router is not None and not running.replicas  # nobody else shares out among several
        direct = name in self.past
        figures = self.bench.turn(running, "steps", phase, direct=direct)
        if why_lost(figures, self.goal_ms) and figures.limit is not None and has_way_round and not direct:
            self.past.add(name)
            figures = self.bench.turn(running, "steps", phase, direct=True)
        elif _only_late(figures, self.goal_ms):
            figures = self.bench.turn(running, "steps", phase, direct=direct)
        if why_lost(figures, self.goal_ms) is None:
            self.held[name] = rate
        else:
            self.lost[name] = (rate, figures)

    def knee(self, name: str) -> Knee:
        """Where one system ended, and why."""
        best, turns = self.held.get(name), self.bench.results.turns_of(name)
        way = next((turn.way for turn in reversed(turns) if turn.figures.asked_rate == best), "")
        if name not in self.lost:
            return Knee(name, best, None, "the highest rate that was tried", generator_bound=True, way=way)
        rate, figures = self.lost[name]
        why = why_lost(figures, self.goal_ms) if figures.limit is None else figures.limit
        return Knee(name, best, rate, why, generator_bound=figures.limit is not None, way=way)


def climb(
    bench: Bench, systems: Sequence[Running], ladder: Sequence[float], seconds: float, goal_ms: float, halvings: int = 1
) -> None:
    """Raise the rate step by step until a system no longer holds it; then close in between the last two rates.

    A rate that is lost by its p99 alone is tried twice: a single pause of the machine would end the climb for good.
    """
    state = _Climb(bench, seconds, goal_ms, _held_steadily(bench.results, goal_ms))
    for rate in ladder:
        for running in systems:
            if running.system.name not in state.lost:
                state.step(running, rate)
    for _ in range(halvings):
        for running in systems:
            name = running.system.name
            if name in state.lost:
                state.step(running, _between(state.held.get(name), state.lost[name][0]))
    bench.results.knees += [state.knee(running.system.name) for running in systems]


def _between(low: float | None, high: float) -> float:
    """The rate as many times above ``low`` as below ``high``, in whole tens; half of ``high`` without ``low``."""
    return max(10.0, round(high / 2 if low is None else float((low * high) ** 0.5), -1))


def _held_steadily(results: Results, goal_ms: float) -> dict[str, float]:
    """The rates that the steady turns have already shown to be held, by system."""
    turns = [turn for turn in results.turns if turn.scenario == "steady"]
    missed = {turn.system for turn in turns if why_lost(turn.figures, goal_ms) is not None}
    return {turn.system: turn.figures.asked_rate for turn in turns if turn.system not in missed}


def _only_late(figures: Figures, goal_ms: float) -> bool:
    """Whether everything was answered rightly and in time but for p99: one pause of the machine does that too."""
    within = replace(figures, p99_ms=None if figures.p99_ms is None else min(figures.p99_ms, goal_ms))
    return why_lost(figures, goal_ms) is not None and why_lost(within, goal_ms) is None
