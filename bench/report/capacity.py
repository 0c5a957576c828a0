"""Owns how many dynos of which type a rate needs, from a run's figures. Pure; says which rows are extrapolated."""

from __future__ import annotations

import math
from dataclasses import dataclass

from bench.dyno.dyno import SIZES, Size
from bench.errors import BenchError
from bench.record.figures import why_lost
from bench.record.findings import standings
from bench.record.results import OURS, Results
from bench.report.table import text

HEADROOM = 0.7  # a router that chooses at random loads dynos unevenly, and a rate has its peaks


@dataclass(frozen=True, slots=True)
class DynoChoice:
    """One dyno type for a rate. ``dynos`` None where no number of them will do, with the reason in ``note``."""

    size: Size
    dynos: int | None
    per_dyno: float
    dollars: int | None
    note: str


def held_at(results: Results, goal_ms: float, system: str = OURS) -> float:
    """The highest rate at which the run saw ``goal_ms`` kept. Raises BenchError where it saw none."""
    turns = results.turns_of(system, "steady", "steps")
    kept = [turn.figures.asked_rate for turn in turns if why_lost(turn.figures, goal_ms) is None]
    if not kept:
        raise BenchError(f"at no rate of this run did {system} keep p99 under {goal_ms:g} ms: measure slower rates")
    return max(kept)


def choices(results: Results, rate: float, goal_ms: float) -> list[DynoChoice]:
    """Every dyno type for ``rate`` requests/s, cheapest first; those that cannot do it last."""
    cores = float(results.settings.get("cores", 1.0)) * int(results.settings.get("dynos", 1))
    per_core = held_at(results, goal_ms) / cores
    ours = next(standing for standing in standings(results) if standing.name == OURS)
    every = [_choice(size, results, rate, per_core, ours.memory_mb or 0.0) for size in SIZES.values()]
    return sorted(every, key=lambda choice: (choice.dollars is None, choice.dollars or 0, choice.size.dollars))


def render(results: Results, rate: float, goal_ms: float) -> str:
    """The answer in a sentence, the table, and what it assumes."""
    answer = {"choices": choices(results, rate, goal_ms), "held": held_at(results, goal_ms)}
    return text("capacity.txt", results=results, rate=rate, goal_ms=goal_ms, headroom=HEADROOM, **answer)


def _choice(size: Size, results: Results, rate: float, per_core: float, memory_mb: float) -> DynoChoice:
    per_dyno = per_core * size.cores
    needed = math.ceil(rate / (per_dyno * HEADROOM))
    note = "measured" if size.name == results.settings.get("size") else f"extrapolated: {size.cores:g} x one core"
    if memory_mb * 1e6 > size.memory_mib * 1024 * 1024:
        return DynoChoice(size, None, per_dyno, None, f"too little memory: {size.memory_mib} MB for {memory_mb:,.0f}")
    if not size.scales and needed > 1:
        return DynoChoice(size, None, per_dyno, None, f"would need {needed}, and this type runs alone")
    return DynoChoice(size, needed, per_dyno, needed * size.dollars, note)
