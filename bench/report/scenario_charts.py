"""Owns which charts a report shows, drawn from a run's results. Pure; knows nothing of the page round them."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path

from bench.record.caches import by_skew
from bench.record.findings import standings
from bench.record.formations import AUTOSCALE
from bench.record.results import DIRECT, Results, Turn, middle
from bench.report.charts import LineChart, Points, panels
from bench.report.table import number

_MB_PER_MIB = 1.048576
_TIMELINES = tomllib.loads(Path(__file__).with_name("timelines.toml").read_text("utf-8"))
_PANELS = {"requests/s": False, "dynos": False, "p99, ms": True}  # whether logarithmic
_asked_rate: Callable[[Turn], float] = attrgetter("figures.asked_rate")


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


def latency_by_rate(results: Results) -> Iterator[Chart]:
    """p99 and median against the rate, knees marked."""
    turns = _at_rates(results)
    if len(set(map(_asked_rate, turns))) < 2:
        return
    goal, direct = float(results.settings.get("goal_ms", 50)), [turn for turn in turns if turn.way == DIRECT]
    past_router = frozenset(map(_asked_rate, direct)) if len(direct) < len(turns) else frozenset()
    chart = LineChart("Latency against rate", "requests per second", "milliseconds", log_x=True, log_y=True)
    chart.goal(goal, f"goal: {goal:g} ms")
    for standing in standings(results):
        own = _deciding([turn for turn in turns if turn.system == standing.name])
        for x, y in _latencies(chart, standing.name, own, _asked_rate, past_router):
            if x == standing.held and y is not None:
                chart.ring(standing.name, x, y, f"{x:,.0f}/s")
    text = "99 of 100 answers came within the solid line, half within the dashed one. Rings: the highest rate held."
    if past_router:
        text += f" Hollow dots went past the router (from {min(past_router):,.0f}/s on)."
    yield _drawn(results, text, chart)


def batches(results: Results) -> Iterator[Chart]:
    """Rows of one run against the rate."""
    turns = [turn for turn in _at_rates(results) if turn.batch_rows is not None]
    if len(set(map(_asked_rate, turns))) < 2:
        return
    chart = LineChart("Batches", "requests per second", "rows in one run", log_x=True)
    chart.line("dynonnx", _medians(turns, _asked_rate, "batch_rows"))
    chart.from_zero()
    text = "How many rows one run of the model took: nobody waits for a batch, they grow with the load."
    yield _drawn(results, text, chart, only=())


def over_time(results: Results) -> Iterator[Chart]:
    """p99 and median over a scenario's time, what happened marked; of steady rounds, the last."""
    for scenario, words in _TIMELINES.items():
        last = {turn.system: turn for turn in results.turns if turn.scenario == scenario and turn.series is not None}
        if not last:
            continue
        turns = list(last.values())
        text, events = f"At {_asked_rate(turns[0]):,.0f} requests/s. {words['text']}", turns[0].events
        if scenario == "swap" and len(events) > 1:
            text += f" It answered {events[1][0] - events[0][0]:.1f} s later."
        if scenario != "steady":
            waits = ((turn.system, turn.figures.failed, ms(turn.figures.max_ms)) for turn in turns)
            text += f" {'; '.join(f'{name} {failed:,} failed, longest wait {most}' for name, failed, most in waits)}."
        yield _drawn(results, text, _timeline(words["title"], turns), only=last)


def soak_memory(results: Results) -> Iterator[Chart]:
    """Memory over a long time, against the quota."""
    turns = [turn for turn in results.turns if turn.scenario == "soak" and turn.memory_over_s]
    if not turns:
        return
    chart, quota = LineChart("Memory over time", "seconds", "MB"), results.settings.get("memory_mib")
    for turn in turns:
        chart.line(turn.system, turn.memory_over_s)
    if quota:
        chart.goal(quota * _MB_PER_MIB, f"quota: {quota} MB")
    chart.from_zero()
    yield _drawn(results, "What all processes of a server take together.", chart)


def bodies(results: Results) -> Iterator[Chart]:
    """Latency against the rows of a request."""
    turns = [turn for turn in results.turns if turn.scenario.startswith("bodies of ")]
    if not turns:
        return
    chart = LineChart("Large bodies", "rows in a request", "milliseconds", log_x=True, log_y=True)
    for name in results.systems:
        _latencies(chart, name, [turn for turn in turns if turn.system == name], _rows_of)
    asked = sorted({(_rows_of(turn), _asked_rate(turn)) for turn in turns})
    rates = ", ".join(f"{rows:,.0f} row{'s' if rows > 1 else ''} at {rate:,.0f}/s" for rows, rate in asked)
    yield _drawn(results, f"p99 solid, median dashed: {rates}.", chart)


def caches(results: Results) -> Iterator[Chart]:
    """Hits and rate gained against how unevenly questions come again."""
    models = by_skew(results)
    if not models:
        return
    hits = LineChart("Questions that were answered before", "skew of Zipf's law", "percent")
    rates = LineChart("Rate gained by keeping answers", "skew of Zipf's law", "times the rate without")
    for model, points in models.items():
        hits.line(model, [(point.skew, 100 * point.hits) for point in points])
        rates.line(model, [(point.skew, point.gained) for point in points])
        rates.line(model, [(point.skew, point.by_cpu) for point in points], thin=True)
    rates.goal(1.0, "no cache")
    asked = "20,000 questions, 5,000 texts; the higher the skew, the fewer of them make up most that is asked."
    for chart, text in ((hits, asked), (rates, "Requests a second solid, by processor time for a request dashed.")):
        chart.from_zero()
        yield Chart(chart.title, text, chart.svg(), list(models))


def formations(results: Results) -> Iterator[Chart]:
    """Rate, dynos and p99 over the time in which dynos came and went, one above the other."""
    for turn in results.turns:
        if not turn.formation or turn.series is None:
            continue
        rate, dynos, p99 = panels("Dynos by demand", "seconds", _PANELS)
        rate.line(turn.system, list(zip(turn.series.at_s, turn.series.rate, strict=True)))
        scaling = results.settings[AUTOSCALE]
        dynos.steps(turn.system, [(at, serving) for at, serving, _ in turn.formation])
        dynos.line(turn.system, [(at, demand / scaling["utilisation"]) for at, _, demand in turn.formation], thin=True)
        p99.line(turn.system, list(zip(turn.series.at_s, turn.series.p99_ms, strict=True)))
        p99.goal(scaling["goal_ms"], f"goal: {scaling['goal_ms']:g} ms")
        for chart in (rate, dynos):
            chart.from_zero()
        text = f"{turn.figures.requests:,} requests, {turn.figures.failed:,} without a right answer."
        yield Chart(rate.title, f"{text} Dynos that serve solid, what they ask for dashed.", rate.svg(), [turn.system])


def charts(results: Results) -> list[Chart]:
    """Every chart that the run has something for."""
    every = (latency_by_rate, batches, over_time, soak_memory, bodies, caches, formations)
    return [chart for draw in every for chart in draw(results)]


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


def _at_rates(results: Results) -> list[Turn]:
    return [turn for turn in results.turns if turn.scenario in ("steady", "steps")]


def _deciding(turns: Sequence[Turn]) -> list[Turn]:
    """Of the rates that were tried again, the last turn: it is what the climb went by. Steady rounds stay together."""
    last = {_asked_rate(turn): turn for turn in turns if turn.scenario == "steps"}
    return [*(turn for turn in turns if turn.scenario == "steady" and _asked_rate(turn) not in last), *last.values()]


def _latencies(
    chart: LineChart,
    name: str,
    turns: Sequence[Turn],
    at: Callable[[Turn], float],
    hollow: frozenset[float] = frozenset(),
) -> Points:
    """Draw the median dashed and p99 solid; the points of p99."""
    chart.line(name, _medians(turns, at, "figures.p50_ms"), thin=True)
    p99 = _medians(turns, at, "figures.p99_ms")
    chart.line(name, p99, hollow=hollow)
    return p99


def _medians(turns: Sequence[Turn], at: Callable[[Turn], float], figure: str) -> Points:
    """A figure's median over the turns wherever there are any, from left to right."""
    read = attrgetter(figure)
    return [(x, middle(read(turn) for turn in turns if at(turn) == x)) for x in sorted(set(map(at, turns)))]


def _rows_of(turn: Turn) -> float:
    return float(turn.scenario.split()[2])


def _drawn(results: Results, text: str, chart: LineChart, only: Container[str] | None = None) -> Chart:
    shown = [each.name for each in standings(results) if each.requests and (only is None or each.name in only)]
    return Chart(chart.title, text, chart.svg(), shown)
