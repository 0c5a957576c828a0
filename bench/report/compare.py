"""Owns what changed between two runs, with what rounds alone would explain. Pure; knows nothing of files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from bench.record.results import Results, middle
from bench.report.table import text


class Change(NamedTuple):
    """One figure of one system in both runs. ``clear`` is False where the rounds of the two runs overlap."""

    system: str
    figure: str
    before: float
    after: float
    clear: bool

    @property
    def part(self) -> float:
        """How much it changed, as a part of what it was."""
        return self.after / self.before - 1.0 if self.before else 0.0


def changes(before: Results, after: Results) -> list[Change]:
    """Every figure that both runs have, system by system; then the targets that both have measured."""
    later = dict(_measured(after))
    return [_change(*key, old, new) for key, old in _measured(before) if old and (new := later.get(key))]


def differences(before: Results, after: Results) -> list[str]:
    """What makes the two runs less than comparable: settings and machines that differ."""
    return [
        f"{what} {key}: {old.get(key)} before, {new.get(key)} after"
        for what, old, new in (("machine", before.machine, after.machine), ("setting", before.settings, after.settings))
        for key in sorted(old.keys() | new.keys())
        if old.get(key) != new.get(key)
    ]


def render(before: Results, after: Results) -> str:
    """The comparison as text."""
    return text("compare.txt", changes=changes(before, after), differences=differences(before, after))


def _measured(results: Results) -> Iterator[tuple[tuple[str, str], list[float]]]:
    """By system and figure: the values of the rounds, or the only value, where there is one that is not 0."""
    for name in results.systems:
        steady, knee = results.turns_of(name, "steady"), results.knee_of(name)
        figures: dict[str, Iterable[float | None]] = {
            "held, requests/s": [knee.held if knee else None],
            "peak, requests/s": [results.peak_rate(name)],
            "steady p50, ms": [turn.figures.p50_ms for turn in steady],
            "steady p95, ms": [turn.figures.p95_ms for turn in steady],
            "steady p99, ms": [turn.figures.p99_ms for turn in steady],
            "memory, MB": [max((turn.memory_mb or 0.0 for turn in results.turns_of(name)), default=None)],
            "start, s": [results.start_s[name]],
        }
        for figure, values in figures.items():
            yield (name, figure), [value for value in values if value]
    for target in results.targets:
        yield ("target", target.what), [target.measured] if target.measured else []


def _change(name: str, figure: str, old: Sequence[float], new: Sequence[float]) -> Change:
    """Medians; clear where every round of one run is beyond every round of the other (a single value: beyond 5 %)."""
    before, after = middle(old) or 0.0, middle(new) or 0.0
    if len(old) > 1 and len(new) > 1:
        return Change(name, figure, before, after, clear=max(old) < min(new) or max(new) < min(old))
    return Change(name, figure, before, after, clear=abs(after - before) > 0.05 * before)
