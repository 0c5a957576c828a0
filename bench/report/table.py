"""Owns the results as text for a terminal. Pure: knows nothing of how they were measured."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from bench.record.results import Knee, Results, Turn

_MOST_LIMITS = 5


def render(results: Results) -> str:
    """The whole table of a run."""
    parts = [_steady(results), _knees(results), _others(results), _notes(results)]
    return "\n\n".join(part for part in parts if part)


def _steady(results: Results) -> str:
    turns = [turn for turn in results.turns if turn.scenario == "steady"]
    if not turns:
        return ""
    first = turns[0].figures
    title = (
        f"Steady {first.asked_rate:,.0f} requests/s, {first.seconds:g} s a turn; latency from when a request was due"
    )
    head = ["", "rate/s", "p50 ms", "p95 ms", "p99 ms", "max ms", "errors", "CPU", "memory MB"]
    rows = [
        _steady_row(name, [turn for turn in turns if turn.system == name])
        for name in results.systems
        if any(turn.system == name for turn in turns)
    ]
    return f"{title}\n{columns([head, *rows])}"


def _steady_row(name: str, turns: Sequence[Turn]) -> list[str]:
    """The median over rounds; errors are added up, the maximum is the maximum."""
    figures = [turn.figures for turn in turns]
    memory = [turn.memory_mb for turn in turns if turn.memory_mb is not None]
    cpu = [turn.cpu_part for turn in turns if turn.cpu_part is not None]
    return [
        name,
        f"{median(each.rate for each in figures):,.0f}",
        _ms([each.p50_ms for each in figures]),
        _ms([each.p95_ms for each in figures]),
        _ms([each.p99_ms for each in figures]),
        _ms([max((each.max_ms for each in figures if each.max_ms is not None), default=None)]),
        f"{sum(each.failed for each in figures):,}",
        f"{median(cpu):.0%}" if cpu else "-",
        f"{max(memory):,.0f}" if memory else "-",
    ]


def _knees(results: Results) -> str:
    if not (results.knees or results.peaks):
        return ""
    goal = results.settings.get("goal_ms", 0)
    head = ["", f"holds/s (p99 <= {goal:g} ms)", "lost at/s", "because", "peak/s (wrk)", "start s"]
    knees = {knee.system: knee for knee in results.knees}
    rows = [_knee_row(name, knees.get(name), results) for name in results.systems]
    return columns([head, *rows], left={0, 3})


def _knee_row(name: str, knee: Knee | None, results: Results) -> list[str]:
    held = f"{'>= ' if knee.generator_bound else ''}{knee.held:,.0f}" if knee and knee.held else "-"
    lost = f"{knee.lost:,.0f}" if knee and knee.lost else "-"
    peak = results.peaks.get(name)
    why = (knee.why if knee else None) or ""
    return [name, held, lost, why, f"{peak:,.0f}" if peak else "-", f"{results.start_s[name]:.1f}"]


def _others(results: Results) -> str:
    """Every turn of the scenarios that have no table of their own."""
    rows = [
        [
            turn.scenario,
            turn.system,
            f"{turn.figures.asked_rate:,.0f}",
            _ms([turn.figures.p50_ms]),
            _ms([turn.figures.p99_ms]),
            _ms([turn.figures.max_ms]),
            f"{turn.figures.failed:,}",
        ]
        for turn in results.turns
        if turn.scenario not in ("steady", "steps")
    ]
    head = ["scenario", "", "asked/s", "p50 ms", "p99 ms", "max ms", "failed"]
    return columns([head, *rows], left={0, 1}) if rows else ""


def _notes(results: Results) -> str:
    lines = [*results.notes, *_limits(results), *_codes(results)]
    for turn in results.turns:
        if turn.figures.server_p99_ms is not None and turn.figures.server_p50_ms is not None:
            own = f"p50 {turn.figures.server_p50_ms:.2f} ms, p99 {turn.figures.server_p99_ms:.2f} ms"
            lines.append(f"{turn.scenario} at {turn.figures.asked_rate:,.0f}/s: the server's own part was {own}")
        if turn.figures.failed:
            counts = ", ".join(f"{name} x{number}" for name, number in turn.figures.errors.items())
            lines.append(f"{turn.scenario} {turn.system} at {turn.figures.asked_rate:,.0f}/s: {counts}")
    if results.wrong:
        lines.append(f"WRONG ANSWERS: {results.wrong}. These figures are no measurement.")
    if results.interrupted:
        lines.append("interrupted: this is what was measured until then")
    return "\n".join(f"* {line}" for line in lines)


def _limits(results: Results) -> list[str]:
    """Turns that do not tell of the server; of many, the first few."""
    lines = [
        f"not the server, {turn.scenario} {turn.system} at {turn.figures.asked_rate:,.0f}/s: {turn.figures.limit}"
        for turn in results.turns
        if turn.figures.limit is not None
    ]
    more = len(lines) - _MOST_LIMITS
    return lines if more <= 0 else [*lines[:_MOST_LIMITS], f"and so in {more} more turns, named in the report"]


def _codes(results: Results) -> list[str]:
    """What Heroku would have logged."""
    said = {
        name: ", ".join(f"{code} x{number}" for code, number in codes.items()) for name, codes in results.codes.items()
    }
    return [f"Heroku would have logged of {name}: {codes}" for name, codes in said.items() if codes]


def columns(rows: Sequence[Sequence[str]], left: frozenset[int] | set[int] = frozenset({0})) -> str:
    """Rows of cells as aligned text; columns in ``left`` are aligned left, the others right."""
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [
            cell.ljust(width) if at in left else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def _ms(values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    if not known:
        return "-"
    value = median(known)
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"
