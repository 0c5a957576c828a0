"""Owns the pictures of scenarios in which something happens: deploys, spikes, soaks, bodies. Pure; knows no page."""

from __future__ import annotations

from collections.abc import Sequence

from bench.record.findings import middle
from bench.record.results import Results, Turn
from bench.report.charts import Axis, Chart, Line, axis_over, draw
from bench.report.pictures import Picture, colour, keys, latency_axis, ms, timeline

_MB_PER_MIB = 1.048576


def deploy(results: Results) -> Picture | None:
    """A restart under load."""
    return _over_time(results, "deploy", "A deploy", "The dyno is stopped and a new one started under load.")


def swap(results: Results) -> Picture | None:
    """A second version under load."""
    turn = next((turn for turn in results.turns if turn.scenario == "swap" and len(turn.events) > 1), None)
    took = "" if turn is None else f" It answered {turn.events[1][0] - turn.events[0][0]:.1f} s later."
    text = "A second version is written into the models folder; every answer is held to the version it names."
    return _over_time(results, "swap", "A new version", text + took)


def spike(results: Results) -> Picture | None:
    """A sudden multiple of the rate."""
    return _over_time(results, "spike", "A spike", "The rate jumps for a few seconds and falls back.")


def models(results: Results) -> Picture | None:
    """Several models in turn."""
    return _over_time(results, "models", "Many models", "Every example model in turn, on one server.")


def bad_clients(results: Results) -> Picture | None:
    """The rate beside clients that misbehave."""
    text = "The same rate beside 32 clients that leave, trickle, send half, or do not speak HTTP."
    return _over_time(results, "badclients", "Bad company", text)


def soak(results: Results) -> Picture | None:
    """Latency over a long time."""
    return _over_time(results, "soak", "A long run", "One rate for a long time.")


def soak_memory(results: Results) -> Picture | None:
    """Memory over a long time, against the quota."""
    turns = [turn for turn in results.turns if turn.scenario == "soak" and turn.memory_over_s]
    if not turns:
        return None
    quota = results.settings.get("memory_mib")
    lines = [Line(turn.system, colour(turn.system), turn.memory_over_s, dots=False) for turn in turns]
    most = max(mb for turn in turns for _, mb in turn.memory_over_s)
    end = max(turn.figures.seconds for turn in turns)
    high = max(most * 1.2, (quota or 0) * _MB_PER_MIB * 1.1)
    chart = Chart(
        "Memory over time",
        Axis(0.0, end, label="seconds"),
        Axis(0.0, high, label="MB"),
        lines,
        goal=(quota * _MB_PER_MIB, f"quota: {quota} MB") if quota else None,
    )
    return Picture("Memory over time", "What all processes of a server take together.", keys(results) + draw(chart))


def bodies(results: Results) -> Picture | None:
    """Latency against the rows of a request."""
    turns = [turn for turn in results.turns if turn.scenario.startswith("bodies of ")]
    if not turns:
        return None
    lines = []
    for name in results.systems:
        own = [turn for turn in turns if turn.system == name]
        lines.append(Line(f"{name} median", colour(name), _by_rows(own, "p50_ms"), thin=True, dots=False))
        lines.append(Line(f"{name} p99", colour(name), _by_rows(own, "p99_ms")))
    sizes = [float(_rows_of(turn)) for turn in turns]
    chart = Chart("Bodies", axis_over(sizes, "rows in a request", log=True), latency_axis(lines), lines)
    asked = ", ".join(
        f"{rows:,} row{'s' if rows > 1 else ''} at {rate:,.0f}/s"
        for rows, rate in sorted({(_rows_of(turn), turn.figures.asked_rate) for turn in turns})
    )
    return Picture("Large bodies", f"p99 solid, median dashed: {asked}.", keys(results) + draw(chart))


def _over_time(results: Results, scenario: str, title: str, text: str) -> Picture | None:
    """p99 over time of one scenario, what happened marked."""
    turns = [turn for turn in results.turns if turn.scenario == scenario and turn.series is not None]
    if not turns:
        return None
    ends = "; ".join(
        f"{turn.system} {turn.figures.failed:,} failed, longest wait {ms(turn.figures.max_ms)}" for turn in turns
    )
    names = {turn.system for turn in turns}
    return Picture(title, f"{text} {ends}.", keys(results, names) + draw(timeline(turns)))


def _rows_of(turn: Turn) -> int:
    return int(turn.scenario.split()[2])


def _by_rows(turns: Sequence[Turn], figure: str) -> list[tuple[float, float | None]]:
    sizes = sorted({_rows_of(turn) for turn in turns})
    return [
        (float(size), middle(getattr(turn.figures, figure) for turn in turns if _rows_of(turn) == size))
        for size in sizes
    ]


SCENES = (deploy, swap, spike, soak, soak_memory, models, bodies, bad_clients)
