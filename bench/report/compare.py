"""Owns what changed between two runs, with what rounds alone would explain. Pure; knows nothing of files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench.record.results import Results, middle
from bench.report.table import columns


@dataclass(frozen=True, slots=True)
class Change:
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
    measured = []
    for name in (name for name in before.systems if name in after.systems):
        for figure, read in _FIGURES.items():
            old, new = read(before, name), read(after, name)
            if old and new:
                measured.append(_change(name, figure, old, new))
    later = {target.what: target.measured for target in after.targets}
    for target in before.targets:
        if target.measured and (new_ratio := later.get(target.what)):
            measured.append(_change("target", target.what, [target.measured], [new_ratio]))
    return measured


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
    rows = [["", "", "before", "after", "change", ""]]
    for change in changes(before, after):
        word = "" if change.clear else "within the spread of the rounds"
        numbers = [_number(change.before), _number(change.after), f"{change.part:+.1%}"]
        rows.append([change.system, change.figure, *numbers, word])
    if len(rows) == 1:
        return "The two runs have no figure in common."
    notes = "\n".join(f"* {line}" for line in differences(before, after))
    return columns(rows, left={0, 1, 5}) + (f"\n\n{notes}" if notes else "")


def _change(name: str, figure: str, old: Sequence[float], new: Sequence[float]) -> Change:
    """Medians; clear where every round of one run is beyond every round of the other (a single value: beyond 5 %)."""
    before, after = middle(old) or 0.0, middle(new) or 0.0
    if len(old) > 1 and len(new) > 1:
        return Change(name, figure, before, after, clear=max(old) < min(new) or max(new) < min(old))
    return Change(name, figure, before, after, clear=abs(after - before) > 0.05 * before)


def _steady(figure: str) -> Callable[[Results, str], list[float]]:
    def read(results: Results, name: str) -> list[float]:
        values = [getattr(turn.figures, figure) for turn in results.turns_of(name, "steady")]
        return [value for value in values if value is not None]

    return read


def _known(*values: float | None) -> list[float]:
    return [value for value in values if value]


def _most_memory(results: Results, name: str) -> float | None:
    return max((turn.memory_mb or 0.0 for turn in results.turns_of(name)), default=None)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"


_FIGURES: dict[str, Callable[[Results, str], list[float]]] = {
    "held, requests/s": lambda results, name: _known(*(knee.held for knee in results.knees if knee.system == name)),
    "peak, requests/s": lambda results, name: _known(results.peak_rate(name)),
    "steady p50, ms": _steady("p50_ms"),
    "steady p95, ms": _steady("p95_ms"),
    "steady p99, ms": _steady("p99_ms"),
    "memory, MB": lambda results, name: _known(_most_memory(results, name)),
    "start, s": lambda results, name: _known(results.start_s.get(name)),
}
