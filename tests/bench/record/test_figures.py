"""Figures: phases cut by due time, percentiles that keep what was given up, and whose limit it was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from bench.load.generator import Phase
from bench.load.samples import GeneratorLog, Samples
from bench.record.figures import machine_limit, why_lost
from tests.support.bench.runs import FIGURES, of_phases


def samples(
    latency_ms: Sequence[float],
    outcome: Sequence[int] | None = None,
    outcomes: tuple[str, ...] = ("ok",),
    late_ms: float = 0.0,
    busy: float = 0.1,
) -> Samples:
    """Requests due evenly over ten seconds, from 100.0 on the clock."""
    due = 100.0 + np.arange(len(latency_ms)) * 10.0 / len(latency_ms)
    done = due + np.array(latency_ms) / 1e3
    codes = np.array(outcome if outcome is not None else [0] * len(latency_ms))
    log = GeneratorLog(started=100.0, share=1.0, idle=((100.0, 0.0, 0.0), (200.0, 100.0 * (1 - busy), 0.0)))
    return Samples(due, due + late_ms / 1e3, due, done, np.full(due.size, np.nan), codes, outcomes, (log,))


def test_percentiles_are_those_of_the_latencies() -> None:
    (figures,) = of_phases(samples(list(range(1001))), [Phase(100, 10)])
    assert (figures.p50_ms, figures.p95_ms, figures.p99_ms, figures.max_ms) == pytest.approx((500, 950, 990, 1000))
    assert figures.requests == 1001


def test_a_request_belongs_to_the_phase_in_which_it_was_due() -> None:
    first, second = of_phases(samples([1.0] * 50 + [100.0] * 50), [Phase(10, 5), Phase(10, 5)])
    assert (first.requests, second.requests) == (50, 50)
    assert (first.max_ms, second.max_ms) == pytest.approx((1, 100))


def test_a_backlog_lowers_the_rate_and_mere_latency_does_not() -> None:
    growing = [10.0 * number for number in range(1000)]
    (backlog,) = of_phases(samples(growing), [Phase(100, 10)])
    (latency,) = of_phases(samples([500.0] * 1000), [Phase(100, 10)])
    assert backlog.rate == pytest.approx(1000 / 20, rel=0.01)
    assert latency.rate == pytest.approx(1000 / 10, rel=0.01)


def test_requests_given_up_count_with_the_time_they_waited_and_quick_errors_do_not() -> None:
    outcomes = ("ok", "unfinished", "http 503")
    (figures,) = of_phases(
        samples([1.0] * 80 + [5000.0] * 10 + [0.1] * 10, [0] * 80 + [1] * 10 + [2] * 10, outcomes), [Phase(10, 10)]
    )
    assert figures.errors == {"unfinished": 10, "http 503": 10}
    assert figures.failed == 20
    assert figures.max_ms == pytest.approx(5000)
    assert figures.p50_ms == pytest.approx(1.0)
    assert figures.rate == pytest.approx(8.0, rel=0.01)


def test_wrong_answers_are_told_apart_from_other_failures() -> None:
    outcomes = ("ok", "wrong answer: probability", "http 500")
    (figures,) = of_phases(samples([1.0] * 4, [0, 1, 1, 2], outcomes), [Phase(1, 10)])
    assert (figures.wrong, figures.failed) == (2, 3)


def test_a_phase_in_which_nothing_was_right_has_no_percentiles() -> None:
    (figures,) = of_phases(samples([1.0], [1], ("ok", "connection refused")), [Phase(1, 10)])
    assert figures.p50_ms is None
    assert figures.rate == 0


@pytest.mark.parametrize(
    ("late_ms", "busy", "latency_ms", "named"),
    [
        (0.1, 0.2, 1.0, None),
        (0.1, 0.95, 1.0, "95% of the time"),
        (5.0, 0.2, 10.0, "p99 5.0 ms"),
        (5.0, 0.2, 1000.0, None),
        (30.0, 0.2, 1000.0, "missed arrivals"),
    ],
)
def test_a_generator_at_its_limit_is_named(late_ms: float, busy: float, latency_ms: float, named: str | None) -> None:
    (figures,) = of_phases(samples([latency_ms] * 100, late_ms=late_ms, busy=busy), [Phase(10, 10)])
    assert (figures.limit is None) if named is None else (named in str(figures.limit))
    assert figures.missed == (100 if late_ms > 10 else 0)


def test_a_router_that_waits_for_its_core_is_named() -> None:
    assert machine_limit(0.8, 0.1, 0.4, 0.1) is None
    assert "router waited 60% of the time" in str(machine_limit(0.8, 0.1, 0.4, 0.6))


@pytest.mark.parametrize(
    ("full", "others", "router", "named"),
    [
        (None, None, None, None),
        (0.8, 0.1, 0.5, None),
        (0.97, 0.1, 0.5, "filled 97% of their core"),
        (0.5, 0.4, 0.5, "other work took 40% of the server's core"),
        (0.97, 0.4, 0.95, "router used 95% of a core"),
    ],
)
def test_a_machine_at_its_limit_is_named(
    full: float | None, others: float | None, router: float | None, named: str | None
) -> None:
    limit = machine_limit(full, others, router)
    assert (limit is None) if named is None else (named in str(limit))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({}, None),
        ({"p99_ms": 51.0}, "p99 51 ms"),
        ({"rate": 400.0}, "answered only 400/s"),
        ({"errors": {"http 503": 2, "connection reset": 1}}, "3 of 2500 failed, most often: http 503 (2)"),
    ],
)
def test_why_a_rate_is_lost(change: dict[str, object], why: str | None) -> None:
    assert why_lost(replace(FIGURES, **change), goal_ms=50.0) == why  # type: ignore[arg-type]
