"""Runs that were never measured: figures and results whose numbers the tests know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bench.load.generator import Phase
from bench.load.samples import Samples
from bench.record import results
from bench.record.figures import Figures, Series, over
from bench.record.results import PEAK, BareCosts, Knee, Peak, Results, Turn
from bench.record.targets import targets

FIGURES = Figures(
    asked_rate=500, seconds=5, requests=2500, rate=499.0, p50_ms=0.5, p95_ms=1.0, p99_ms=2.0, p999_ms=3.0, max_ms=9.0
)
SERIES = Series(0.5, [0.0, 0.5, 1.0], [500.0, 480.0, 0.0], [0, 10, 250], [0.5, 0.6, None], [2.0, 9.0, None])


def a_run() -> Results:
    """Three systems with a knee each, in a dyno."""
    run = results.new("python -m bench run", {"goal_ms": 50.0, "model": "iris"})
    run.settings |= {"size": "standard-1x", "cores": 1.0, "memory_mib": 512}
    for name, held, memory in (
        ("dynonnx", 8000.0, 76.0),
        ("fastapi_onnx", 2000.0, 62.0),
        ("fastapi_pickle", 400.0, 139.0),
    ):
        run.start_s[name] = 0.5
        run.turns.append(Turn("steady", name, FIGURES, SERIES, memory, 0.1, throttled_s=0.0))
        run.turns += [
            Turn("steps", name, replace(FIGURES, asked_rate=rate, p99_ms=p99), SERIES, memory, 0.5, batch_rows=3.0)
            for rate, p99 in ((held / 2, 3.0), (held, 20.0), (held * 2, 900.0))
        ]
        run.knees.append(Knee(name, held, held * 2, "p99 900 ms"))
        run.peaks.append(peak(PEAK, name, 32, 1, held * 1.5))
    return run


def steady_run(*figures: Figures) -> Results:
    """dynonnx at one rate, a turn for each of the figures."""
    run = results.new("python -m bench quick", {"goal_ms": 50.0})
    run.start_s = {"dynonnx": 0.5}
    run.turns += [Turn("steady", "dynonnx", each, memory_mb=80.0, cpu_part=0.1) for each in figures]
    return run


def a_micro_run() -> Results:
    """Two quiet rounds and one in which the machine was half as fast."""
    made = Results(
        "python -m bench micro", {}, {}, titles={"iris": "iris: four features", "bound": "bound", "wide": "wide"}
    )
    for number, speed in ((1, 1.0), (2, 0.5), (3, 1.0)):
        for connections in (1, 32):
            for name, rate in (("dynonnx", 100e3), ("fastapi_onnx", 5e3), ("nginx", 200e3)):
                made.peaks.append(peak("iris", name, connections, number, rate * speed))
        made.peaks.append(peak("bound", "iris", 64, number, 100e3 * speed, batch_rows=40.0))
        made.peaks.append(peak("bound", "breast-cancer", 64, number, 80e3 * speed, batch_rows=40.0))
        made.peaks.append(peak("wide", "dynonnx", 8, number, 200.0 * speed))
    made.bare["iris"] = BareCosts({1: 4.0, 64: 10.0}, 1.0, 1.0)
    made.bare["breast-cancer"] = BareCosts({1: 6.0, 64: 69.0}, 3.0, 1.0)
    made.bare["wide"] = BareCosts({1000: 100.0}, 3800.0, 100.0)
    made.targets = targets(made)
    return made


def peak(scenario: str, system: str, connections: int, number: int, rate: float, **other: object) -> Peak:
    """A closed loop at ``rate`` with figures that go with it."""
    figures: dict[str, object] = {
        "requests": 1000,
        "p50_us": 1e6 * connections / rate,
        "p99_us": 2e6 * connections / rate,
        "cpu_us": 0.9e6 / rate,
        "busy": 0.9,
        "batch_rows": None,
        "others": 0.01,
        "checked": 12,
        "faults": {},
    } | other
    return Peak(scenario, system, connections, number, rate=rate, **figures)  # type: ignore[arg-type]


def of_phases(samples: Samples, phases: Sequence[Phase]) -> list[Figures]:
    """Figures of each phase; a request belongs to the phase in which it was due."""
    begin, by_phase = samples.started, []
    for phase in phases:
        by_phase.append(over(samples, begin, [phase]))
        begin += phase.seconds
    return by_phase
