"""Owns which charts a report shows, drawn from a run's results. Pure; knows nothing of the page round them."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass

from bench.record.findings import standings
from bench.record.results import DIRECT, ROUTED, Results, Turn, middle
from bench.report.charts import LineChart, Points
from bench.report.table import number

_MB_PER_MIB = 1.048576
_OVER_TIME = {
    "steady": ("Latency over time", "In stretches of half a second: p99 solid, median dashed."),
    "deploy": ("A deploy", "The dyno is stopped and a new one started under load."),
    "swap": (
        "A new version",
        "A second version is written into the models folder; every answer is held to the version it names.",
    ),
    "spike": ("A spike", "The rate jumps for a few seconds and falls back."),
    "soak": ("A long run", "One rate for a long time."),
    "models": ("Many models", "Every example model in turn, on one server."),
    "badclients": (
        "Bad company",
        "The same rate beside 32 clients that leave, trickle, send half, or do not speak HTTP.",
    ),
}


@dataclass(frozen=True, slots=True)
class Chart:
    """A title, a sentence, a drawing as SVG text, and the systems whose lines it has."""

    title: str
    text: str
    svg: str
    systems: Sequence[str]


def ms(value: float | None) -> str:
    """A latency in words."""
    if value is not None and value >= 1000:
        return f"{value / 1000:.1f} s"
    return number(value) if value is None else f"{number(value)} ms"


def latency_by_rate(results: Results) -> Chart | None:
    """p99 and median against the rate, knees marked."""
    turns = [turn for turn in results.turns if turn.scenario in ("steady", "steps")]
    if len({turn.figures.asked_rate for turn in turns}) < 2:
        return None
    goal, routed = float(results.settings.get("goal_ms", 50)), any(turn.way == ROUTED for turn in turns)
    chart = LineChart("Latency against rate", "requests per second", "milliseconds", log_x=True, log_y=True)
    chart.goal(goal, f"goal: {goal:g} ms")
    for standing in standings(results):
        own = _deciding([turn for turn in turns if turn.system == standing.name])
        past = frozenset(turn.figures.asked_rate for turn in own if turn.way == DIRECT) if routed else frozenset()
        p99 = _by_rate(own, "p99_ms")
        chart.line(standing.name, _by_rate(own, "p50_ms"), thin=True)
        chart.line(standing.name, p99, hollow=past)
        for x, y in p99:
            if x == standing.held and y is not None:
                chart.ring(standing.name, x, y, f"{x:,.0f}/s")
    text = "99 of 100 answers came within the solid line, half within the dashed one. Rings: the highest rate held."
    direct = [turn.figures.asked_rate for turn in turns if turn.way == DIRECT]
    if direct and len(direct) < len(turns):
        text += f" Hollow dots went past the router (from {min(direct):,.0f}/s on)."
    return _drawn(results, "Latency against rate", text, chart)


def batches(results: Results) -> Chart | None:
    """Rows of one run against the rate."""
    turns = [turn for turn in results.turns if turn.batch_rows is not None and turn.scenario in ("steady", "steps")]
    if len({turn.figures.asked_rate for turn in turns}) < 2:
        return None
    chart = LineChart("Rows of a batch", "requests per second", "rows in one run", log_x=True)
    chart.line("dynonnx", _grouped(turns, lambda turn: turn.figures.asked_rate, lambda turn: turn.batch_rows))
    chart.from_zero()
    text = "How many rows one run of the model took: nobody waits for a batch, they grow with the load."
    return _drawn(results, "Batches", text, chart, only=())


def over_time(results: Results) -> Iterator[Chart]:
    """p99 and median over a scenario's time, what happened marked; of steady rounds, the last."""
    for scenario, (title, text) in _OVER_TIME.items():
        last = {turn.system: turn for turn in results.turns if turn.scenario == scenario and turn.series is not None}
        if not last:
            continue
        turns = list(last.values())
        words, events = [f"At {turns[0].figures.asked_rate:,.0f} requests/s. {text}"], turns[0].events
        if scenario == "swap" and len(events) > 1:
            words.append(f"It answered {events[1][0] - events[0][0]:.1f} s later.")
        if scenario != "steady":
            ends = [
                f"{turn.system} {turn.figures.failed:,} failed, longest wait {ms(turn.figures.max_ms)}"
                for turn in turns
            ]
            words.append(f"{'; '.join(ends)}.")
        yield _drawn(results, title, " ".join(words), _timeline(title, turns), only=last)


def soak_memory(results: Results) -> Chart | None:
    """Memory over a long time, against the quota."""
    turns = [turn for turn in results.turns if turn.scenario == "soak" and turn.memory_over_s]
    if not turns:
        return None
    chart, quota = LineChart("Memory over time", "seconds", "MB"), results.settings.get("memory_mib")
    for turn in turns:
        chart.line(turn.system, turn.memory_over_s)
    if quota:
        chart.goal(quota * _MB_PER_MIB, f"quota: {quota} MB")
    chart.from_zero()
    return _drawn(results, "Memory over time", "What all processes of a server take together.", chart)


def bodies(results: Results) -> Chart | None:
    """Latency against the rows of a request."""
    turns = [turn for turn in results.turns if turn.scenario.startswith("bodies of ")]
    if not turns:
        return None
    chart = LineChart("Bodies", "rows in a request", "milliseconds", log_x=True, log_y=True)
    for name in results.systems:
        own = [turn for turn in turns if turn.system == name]
        chart.line(name, _grouped(own, _rows_of, lambda turn: turn.figures.p50_ms), thin=True)
        chart.line(name, _grouped(own, _rows_of, lambda turn: turn.figures.p99_ms))
    asked = sorted({(_rows_of(turn), turn.figures.asked_rate) for turn in turns})
    rates = ", ".join(f"{rows:,.0f} row{'s' if rows > 1 else ''} at {rate:,.0f}/s" for rows, rate in asked)
    return _drawn(results, "Large bodies", f"p99 solid, median dashed: {rates}.", chart)


def charts(results: Results) -> list[Chart]:
    """Every chart that the run has something for."""
    drawn = [latency_by_rate(results), batches(results), *over_time(results), soak_memory(results), bodies(results)]
    return [chart for chart in drawn if chart is not None]


def _timeline(title: str, turns: Sequence[Turn]) -> LineChart:
    """p99 and median of several turns over their time; what happened in the first of them is marked."""
    chart = LineChart(title, "seconds", "milliseconds", log_y=True)
    for turn in turns:
        if turn.series is not None:
            chart.line(turn.system, list(zip(turn.series.at_s, turn.series.p50_ms, strict=True)), thin=True)
            chart.line(turn.system, list(zip(turn.series.at_s, turn.series.p99_ms, strict=True)))
    for at, what in turns[0].events[:1]:  # the first has the room for its words
        chart.event(turns[0].system, at, what, late=at > 0.6 * turns[0].figures.seconds)
    return chart


def _deciding(turns: Sequence[Turn]) -> list[Turn]:
    """Of the rates that were tried again, the last turn: it is what the climb went by. Steady rounds stay together."""
    last = {turn.figures.asked_rate: turn for turn in turns if turn.scenario == "steps"}
    steady = [turn for turn in turns if turn.scenario == "steady" and turn.figures.asked_rate not in last]
    return [*steady, *last.values()]


def _by_rate(turns: Sequence[Turn], figure: str) -> Points:
    return _grouped(turns, lambda turn: turn.figures.asked_rate, lambda turn: getattr(turn.figures, figure))


def _grouped(turns: Sequence[Turn], at: Callable[[Turn], float], read: Callable[[Turn], float | None]) -> Points:
    """The median of a figure wherever there are turns, from left to right."""
    return [(x, middle(read(turn) for turn in turns if at(turn) == x)) for x in sorted({at(turn) for turn in turns})]


def _rows_of(turn: Turn) -> float:
    return float(turn.scenario.split()[2])


def _drawn(results: Results, title: str, text: str, chart: LineChart, only: Container[str] | None = None) -> Chart:
    shown = [each.name for each in standings(results) if each.requests and (only is None or each.name in only)]
    return Chart(title, text, chart.svg(), shown)
