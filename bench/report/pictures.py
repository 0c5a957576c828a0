"""Owns which pictures a report shows, drawn from a run's results. Pure; knows nothing of the page round them."""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass
from html import escape

from bench.record.findings import middle, standings
from bench.record.results import DIRECT, ROUTED, Results, Turn
from bench.report.charts import Axis, Chart, Line, Mark, axis_over, draw

_COLOURS = {
    "dynonnx": "dynonnx",
    "fastapi_onnx": "fastapi-onnx",
    "fastapi_pickle": "fastapi-pickle",
    "1 worker": "dynonnx",
    "2 workers": "other",
    "4 workers": "fastapi-onnx",
    "8 workers": "fastapi-pickle",
}


NOTHING = "\u2013"  # a dash, for what was not measured


@dataclass(frozen=True, slots=True)
class Picture:
    """A title, a sentence, and the HTML that shows it."""

    title: str
    text: str
    body: str


def colour(system: str) -> str:
    """The CSS colour that a system has everywhere."""
    return f"var(--{_COLOURS.get(system, 'other')})"


def ms(value: float | None) -> str:
    """A latency in words."""
    if value is None:
        return NOTHING
    if value >= 1000:
        return f"{value / 1000:.1f} s"
    return f"{value:,.0f} ms" if value >= 100 else f"{value:.1f} ms" if value >= 10 else f"{value:.2f} ms"


def capacity(results: Results) -> Picture | None:
    """What each one holds."""
    every = [each for each in standings(results) if each.held]
    if not every:
        return None
    rows = [(each.name, each.held or 0.0, f"{'≥ ' if each.at_least else ''}{each.held:,.0f}/s") for each in every]
    goal = results.settings.get("goal_ms", 0)
    return Picture("Predictions per second", f"The highest rate held with p99 under {goal:g} ms.", _bars(rows))


def peaks(results: Results) -> Picture | None:
    """What busy connections get."""
    if not results.peaks:
        return None
    rows = [(name, rate, f"{rate:,.0f}/s") for name, rate in results.peaks.items()]
    text = "Requests per second by wrk, which keeps every connection busy: throughput alone, whatever the latency."
    return Picture("Peak", text, _bars(rows))


def latency_by_rate(results: Results) -> Picture | None:
    """p99 and median against the rate, knees marked."""
    turns = [turn for turn in results.turns if turn.scenario in ("steady", "steps")]
    if len({turn.figures.asked_rate for turn in turns}) < 2:
        return None
    goal, routed = float(results.settings.get("goal_ms", 50)), any(turn.way == ROUTED for turn in turns)
    lines, marks = [], []
    for each in standings(results):
        own = [turn for turn in turns if turn.system == each.name]
        own = _deciding(own)
        p99 = _by_rate(own, "p99_ms")
        hollow = frozenset(turn.figures.asked_rate for turn in own if turn.way == DIRECT) if routed else frozenset()
        lines.append(Line(f"{each.name} median", colour(each.name), _by_rate(own, "p50_ms"), thin=True, dots=False))
        lines.append(Line(f"{each.name} p99", colour(each.name), p99, hollow=hollow))
        marks += [Mark(x, y, f"{x:,.0f}/s", colour(each.name)) for x, y in p99 if x == each.held and y is not None]
    chart = Chart(
        "Latency against rate",
        axis_over([turn.figures.asked_rate for turn in turns], "requests per second", log=True),
        latency_axis(lines, goal),
        lines,
        marks,
        goal=(goal, f"goal: {goal:g} ms"),
    )
    text = "99 of 100 answers came within the solid line, half within the dashed one. Rings: the highest rate held."
    past = [turn.figures.asked_rate for turn in turns if turn.way == DIRECT]
    if past and len(past) < len(turns):
        text += f" Hollow dots went past the router (from {min(past):,.0f}/s on)."
    return Picture("Latency against rate", text, keys(results) + draw(chart))


def over_time(results: Results) -> Picture | None:
    """p99 and median over a steady turn, the last round of each system."""
    last = {turn.system: turn for turn in results.turns if turn.scenario == "steady" and turn.series is not None}
    if not last:
        return None
    rate = next(iter(last.values())).figures.asked_rate
    text = f"At {rate:,.0f} requests/s, in stretches of half a second: p99 solid, median dashed."
    return Picture("Latency over time", text, keys(results) + draw(timeline(list(last.values()))))


def memory(results: Results) -> Picture | None:
    """Memory of each, against the quota where there is one."""
    every = [each for each in standings(results) if each.memory_mb]
    if not every:
        return None
    quota = results.settings.get("memory_mib")
    full = quota * 1.048576 if quota else None
    rows = [(each.name, each.memory_mb or 0.0, f"{each.memory_mb:,.0f} MB") for each in every]
    text = f"The most seen, of {quota:,} MB." if quota else "The most seen."
    return Picture("Memory", text, _bars(rows, full))


def batches(results: Results) -> Picture | None:
    """Rows of one run against the rate."""
    turns = [turn for turn in results.turns if turn.batch_rows is not None and turn.scenario in ("steady", "steps")]
    rates = sorted({turn.figures.asked_rate for turn in turns})
    if len(rates) < 2:
        return None
    points = [(rate, middle(turn.batch_rows for turn in turns if turn.figures.asked_rate == rate)) for rate in rates]
    line = Line("dynonnx", colour("dynonnx"), points)
    sizes = [rows for _, rows in points if rows is not None]
    chart = Chart(
        "Rows of a batch",
        axis_over(rates, "requests per second", log=True),
        Axis(0.0, max(2.0, max(sizes) * 1.2), label="rows in one run"),
        [line],
    )
    text = "How many rows one run of the model took: nobody waits for a batch, they grow with the load."
    return Picture("Batches", text, draw(chart))


def throttling(results: Results) -> Picture | None:
    """How long the processor quota held each one back."""
    every = [each for each in standings(results) if each.throttled_s]
    if not every:
        return None
    rows = [(each.name, each.throttled_s or 0.0, f"{each.throttled_s:,.1f} s") for each in every]
    return Picture("Throttling", "Time in which the dyno's processor quota held the server back.", _bars(rows))


def _deciding(turns: Sequence[Turn]) -> list[Turn]:
    """Of the rates that were tried again, the last turn: it is what the climb went by. Steady rounds stay together."""
    last = {turn.figures.asked_rate: turn for turn in turns if turn.scenario == "steps"}
    steady = [turn for turn in turns if turn.scenario == "steady" and turn.figures.asked_rate not in last]
    return [*steady, *last.values()]


def _by_rate(turns: Sequence[Turn], figure: str) -> list[tuple[float, float | None]]:
    rates = sorted({turn.figures.asked_rate for turn in turns})
    return [
        (rate, middle(getattr(turn.figures, figure) for turn in turns if turn.figures.asked_rate == rate))
        for rate in rates
    ]


def timeline(turns: Sequence[Turn]) -> Chart:
    """p99 and median of several turns over their time; what happened in the first is marked."""
    lines, marks = [], []
    for turn in turns:
        if turn.series is None:
            continue
        at, own = turn.series.at_s, colour(turn.system)
        lines.append(Line(f"{turn.system} median", own, list(zip(at, turn.series.p50_ms, strict=True)), True, False))
        lines.append(Line(f"{turn.system} p99", own, list(zip(at, turn.series.p99_ms, strict=True)), dots=False))
        marks += [Mark(when, None, what, own) for when, what in turn.events]
    end = max(turn.figures.seconds for turn in turns)
    return Chart(
        "Latency over time", Axis(0.0, end, label="seconds"), latency_axis(lines), lines, _first_of_each(marks)
    )


def _first_of_each(marks: Sequence[Mark]) -> list[Mark]:
    """One mark for what happened to several systems; the first has the room for its words."""
    first = {mark.text: mark for mark in reversed(marks)}
    return list(first.values())[-1:]


def latency_axis(lines: Sequence[Line], goal: float | None = None) -> Axis:
    """A logarithmic axis of milliseconds that holds all lines, and the goal."""
    values = [y for line in lines for _, y in line.points if y is not None]
    return axis_over([*values, *([] if goal is None else [goal])], "milliseconds", log=True)


def keys(results: Results, only: Container[str] | None = None) -> str:
    """Which colour is whose."""
    names = [each.name for each in standings(results) if each.requests and (only is None or each.name in only)]
    keys = "".join(f'<span class="key" style="--c:{colour(name)}">{escape(name)}</span>' for name in names)
    return f'<div class="keys">{keys}</div>'


def _bars(rows: Sequence[tuple[str, float, str]], full: float | None = None) -> str:
    most = full or max(value for _, value, _ in rows)
    return "".join(_bar(name, value / most, text) for name, value, text in rows)


def _bar(name: str, part: float, text: str) -> str:
    width = max(0.0, min(1.0, part)) * 100
    side = "in" if width > 55 else "out"
    value = f'<span class="value {side}">{escape(text)}</span>'
    track = f'<div class="track"><div class="fill" style="width:{width:.1f}%">{value}</div></div>'
    return f'<div class="bar" style="--c:{colour(name)}"><span>{escape(name)}</span>{track}</div>'


Draw = Callable[[Results], Picture | None]

BARS: tuple[Draw, ...] = (capacity, peaks, memory, throttling)
CURVES: tuple[Draw, ...] = (latency_by_rate, over_time, batches)
