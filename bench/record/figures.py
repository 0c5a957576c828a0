"""Owns what a stretch of samples says: rate, percentiles, errors, and whether the generator was the limit. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from bench.load.generator import Phase, seconds_of
from bench.load.samples import OK, UNFINISHED, Samples

_CUTS = {"p50_ms": 50.0, "p95_ms": 95.0, "p99_ms": 99.0, "p999_ms": 99.9, "max_ms": 100.0}
MISSED_AFTER_S = 0.010
HELD_PART = 0.97  # of the asked rate, answered rightly while it was asked
_STRETCH_S = 0.5
_MOST_STRETCHES = 120
_BUSY_LIMIT = 0.85
_FULL_LIMIT = 0.92
_OTHERS_LIMIT = 0.15
_WAITED_LIMIT = 0.2
_LATE_LIMIT_MS = 2.0
_LATE_PART = 0.25


@dataclass(frozen=True, slots=True)
class Figures:
    """One phase in numbers. Latencies in milliseconds from the moment a request was due.

    Percentiles are over right answers and over requests given up (timed out, unfinished), which count with the time
    they had waited: leaving those out would flatter a server that stalls. Other errors are counted, not timed.
    """

    asked_rate: float
    seconds: float
    requests: int
    rate: float  # right answers per second, until the last of them came
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    p999_ms: float | None
    max_ms: float | None
    errors: dict[str, int] = field(default_factory=dict)
    late_p99_ms: float = 0.0  # how late the generator itself was
    missed: int = 0  # requests that the generator offered more than 10 ms late
    generator_busy: float = 0.0  # part of the time in which the generator had work, 0 to 1
    limit: str | None = None  # why these figures tell of the generator, None where they tell of the server
    server_p50_ms: float | None = None  # what the server itself says it took, where it says so; the rest is the network
    server_p99_ms: float | None = None

    @property
    def failed(self) -> int:
        """How many requests got no right answer."""
        return sum(self.errors.values())

    @property
    def wrong(self) -> int:
        """How many answers came and were wrong."""
        return sum(number for name, number in self.errors.items() if name.startswith("wrong answer"))


def over(samples: Samples, begin: float, phases: Sequence[Phase]) -> Figures:
    """Figures of several phases taken together, from ``begin`` on the monotonic clock; the rate asked is their mean."""
    seconds = seconds_of(phases)
    inside = (samples.due >= begin) & (samples.due < begin + seconds)
    due, done, outcome = samples.due[inside], samples.done[inside], samples.outcome[inside]
    right = outcome == 0
    timed = _timed(samples)[inside]
    cuts = dict(zip(_CUTS, _percentiles((done[timed] - due[timed]) * 1e3, *_CUTS.values()), strict=True))
    server_s = samples.server_s[inside & ~np.isnan(samples.server_s)]
    server_p50_ms, server_p99_ms = _percentiles(server_s * 1e3, 50, 99)
    late_s = samples.offered[inside] - due
    late_p99_ms = _percentiles(late_s * 1e3, 99)[0] or 0.0
    last = begin + seconds
    if right.any():  # the quickest answer's time off: a request due at the very end could not be answered sooner
        last = max(last, float(done[right].max() - (done[right] - due[right]).min()))
    counts = zip(samples.outcomes, np.bincount(outcome, minlength=len(samples.outcomes)).tolist(), strict=True)
    errors = {name: count for name, count in counts if count and name != OK}
    busy = max(generator.busy_part(begin, last) for generator in samples.generators)
    return Figures(
        asked_rate=sum(phase.rate * phase.seconds for phase in phases) / seconds,
        seconds=seconds,
        requests=int(due.size),
        rate=float(right.sum()) / (last - begin),
        **cuts,
        errors=errors,
        late_p99_ms=late_p99_ms,
        missed=int((late_s > MISSED_AFTER_S).sum()),
        generator_busy=busy,
        limit=generator_limit(busy, late_p99_ms, cuts["p99_ms"]),
        server_p50_ms=server_p50_ms,
        server_p99_ms=server_p99_ms,
    )


@dataclass(frozen=True, slots=True)
class Series:
    """A phase over time, in equal stretches: where each begins (seconds into the phase), and what was due in it.

    ``p50_ms`` and ``p99_ms`` are None where nothing was timed.
    """

    width_s: float
    at_s: list[float]
    rate: list[float]  # right answers to what was due in the stretch, per second
    failed: list[int]
    p50_ms: list[float | None]
    p99_ms: list[float | None]


def series(samples: Samples, begin: float, seconds: float) -> Series:
    """How a phase that began at ``begin`` (on the monotonic clock) went on."""
    width = max(_STRETCH_S, seconds / _MOST_STRETCHES)
    count = max(1, round(seconds / width))
    stretch = np.floor((samples.due - begin) / width)
    timed = _timed(samples)
    latency_ms = (samples.done - samples.due) * 1e3
    masks = [stretch == number for number in range(count)]
    p50_ms, p99_ms = zip(*(_percentiles(latency_ms[inside & timed], 50, 99) for inside in masks), strict=True)
    return Series(
        width_s=width,
        at_s=[number * width for number in range(count)],
        rate=[float((inside & (samples.outcome == 0)).sum()) / width for inside in masks],
        failed=[int((inside & (samples.outcome != 0)).sum()) for inside in masks],
        p50_ms=list(p50_ms),
        p99_ms=list(p99_ms),
    )


def why_lost(figures: Figures, goal_ms: float) -> str | None:
    """Why a rate was not held, in a few words; None when it was."""
    if figures.failed:
        name, number = max(figures.errors.items(), key=lambda error: error[1])
        return f"{figures.failed} of {figures.requests} failed, most often: {name} ({number})"
    if figures.rate < HELD_PART * figures.requests / figures.seconds:
        return f"answered only {figures.rate:,.0f}/s"
    if figures.p99_ms is None or figures.p99_ms > goal_ms:
        return f"p99 {figures.p99_ms or float('inf'):,.0f} ms"
    return None


def generator_limit(busy: float, late_p99_ms: float, p99_ms: float | None) -> str | None:
    """Why a phase tells of the generator and not of the server; None where it tells of the server."""
    if busy > _BUSY_LIMIT:
        return f"the generator was busy {busy:.0%} of the time"
    if late_p99_ms > MISSED_AFTER_S * 1e3:
        return f"the generator missed arrivals: 1 in 100 was over {late_p99_ms:.0f} ms late"
    if late_p99_ms > max(_LATE_LIMIT_MS, _LATE_PART * (p99_ms or 0.0)):
        return f"the generator itself was late: p99 {late_p99_ms:.1f} ms"
    return None


def machine_limit(
    full: float | None, others: float | None, router: float | None, waited: float | None = None
) -> str | None:
    """Why a phase tells of the machine and not of the server; None where it tells of the server.

    ``full``: the part of the generator's cores that was in use, spinning apart. ``others``: the part of the server's
    cores that other processes took. ``router``: the part of one core that the router used. ``waited``: the part of the
    time in which the router was ready to run, but its core was taken: a generator that spins looks idle and leaves it
    half. None where not known.
    """
    if router is not None and router > _BUSY_LIMIT:
        return f"the stand-in router used {router:.0%} of a core"
    if waited is not None and waited > _WAITED_LIMIT:
        return f"the stand-in router waited {waited:.0%} of the time for the core that it shares with the generator"
    if full is not None and full > _FULL_LIMIT:
        return f"generator, router and whatever else ran there filled {full:.0%} of their core"
    if others is not None and others > _OTHERS_LIMIT:
        return f"other work took {others:.0%} of the server's core"
    return None


def _percentiles(values: npt.NDArray[np.float64], *cuts: float) -> list[float | None]:
    return np.percentile(values, cuts).tolist() if values.size else [None] * len(cuts)


def _timed(samples: Samples) -> npt.NDArray[np.bool_]:
    timed = [name in (OK, UNFINISHED) or name.startswith("timeout") for name in samples.outcomes]
    return np.array(timed)[samples.outcome]
