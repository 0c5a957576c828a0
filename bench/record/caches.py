"""Owns how a record names the turns of ``cache``, and what is read from them. Pure."""

from __future__ import annotations

import re
from typing import NamedTuple

from bench.record.results import Results

KEPT, MADE = "kept", "made anew"  # the same server, with a cache and without
HIT_SHARES = "hit_shares"  # of the settings: scenario -> the part of its questions that were hits
CONNECTIONS = 32
ALONE, UNHEARD = "one question", "no question twice"  # what is asked where no skew is
_SKEWED = re.compile(r"cache: (?P<model>.+), skew (?P<skew>[0-9.]+)")


class Skewed(NamedTuple):
    """A model asked with a skew: the part of hits, and how many times the rate and the processor time they bring."""

    skew: float
    hits: float
    gained: float | None
    by_cpu: float | None


def scenario_of(model: str, asked: float | str) -> str:
    """The scenario of a model asked with a skew, or as the words say."""
    return f"cache: {model}, {asked if isinstance(asked, str) else f'skew {asked:g}'}"


def gained(results: Results, scenario: str) -> float | None:
    """How many times the rate answers that are kept bring; None where it was not measured."""
    return results.ratio(scenario, CONNECTIONS, KEPT, MADE, "rate")


def gained_by_cpu(results: Results, scenario: str) -> float | None:
    """The same of processor time for a request, which other work on the machine disturbs less."""
    return results.ratio(scenario, CONNECTIONS, MADE, KEPT, "cpu_us")


def cost_by_cpu(results: Results, scenario: str) -> float | None:
    """How many times the processor time of a request answers that are kept take; None where it was not measured."""
    return results.ratio(scenario, CONNECTIONS, KEPT, MADE, "cpu_us")


def by_skew(results: Results) -> dict[str, list[Skewed]]:
    """What was measured of each model, the skews in order."""
    found: dict[str, list[Skewed]] = {}
    for scenario, share in results.settings.get(HIT_SHARES, {}).items():
        if (match := _SKEWED.fullmatch(scenario)) is not None:
            skewed = Skewed(float(match["skew"]), share, gained(results, scenario), gained_by_cpu(results, scenario))
            found.setdefault(match["model"], []).append(skewed)
    return {model: sorted(points) for model, points in found.items()}
