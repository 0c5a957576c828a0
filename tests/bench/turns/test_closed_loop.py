"""Closed loops under real load: what is counted, and that a wrong answer under load is noticed."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bench.baselines.serving import Running
from bench.load import wrk
from bench.load.cases import Case
from bench.turns.bench import Bench
from bench.turns.closed_loop import closed_loop, peaks, side_by_side

needs_wrk = pytest.mark.skipif(wrk.executable() is None, reason="wrk is not installed")


@needs_wrk
def test_a_turn_keeps_what_it_counted(made_bench: Bench, standin: Callable[..., Running], cases: list[Case]) -> None:
    peak = closed_loop(made_bench, standin(), "iris", "standin", cases, 4, 0.4)
    assert made_bench.results.peaks == [peak]
    assert peak.faults == {}
    assert 0 < peak.checked <= peak.requests
    assert 0 < peak.p50_us <= peak.p99_us


@needs_wrk
@pytest.mark.slow  # by the clock, and what the rest of the machine does meanwhile
def test_a_turn_counts_what_the_server_did(
    made_bench: Bench, standin: Callable[..., Running], cases: list[Case]
) -> None:
    peak = closed_loop(made_bench, standin(), "iris", "standin", cases, 4, 0.4)
    assert made_bench.results.peaks == [peak]
    assert peak.faults == {}
    assert peak.checked >= 4
    assert peak.requests > 50
    assert peak.rate == pytest.approx(peak.requests / 0.4, rel=0.6)
    assert peak.cpu_us is not None
    assert 0 < peak.cpu_us < 2e4
    assert peak.busy is not None
    assert 0 < peak.busy < 1.3
    assert 0 < peak.p50_us <= peak.p99_us
    assert peak.others is None or 0 <= peak.others < 1.1


@needs_wrk
def test_servers_asked_at_the_same_time_are_a_turn_each(
    made_bench: Bench, standin: Callable[..., Running], cases: list[Case]
) -> None:
    both = {"first": standin(), "second": standin()}
    side_by_side(made_bench, both, "iris", cases, 2, 0.4, number=3)
    peaks = made_bench.results.peaks
    assert {peak.system for peak in peaks} == {"first", "second"}
    assert [(peak.round, peak.others, peak.faults) for peak in peaks] == [(3, None, {})] * 2
    assert all(peak.checked for peak in peaks)


@needs_wrk
def test_an_answer_that_is_wrong_under_load_is_noticed(
    made_bench: Bench, standin: Callable[..., Running], cases: list[Case]
) -> None:
    others = [Case(case.path, case.body, {"prediction": "of another kind"}) for case in cases]
    peak = closed_loop(made_bench, standin(), "iris", "standin", others, 2, 0.4)
    assert peak.faults == {"wrong answer: prediction": peak.checked}
    assert made_bench.results.wrong == peak.checked


@needs_wrk
def test_an_error_status_is_counted_by_wrk(
    made_bench: Bench, standin: Callable[..., Running], cases: list[Case]
) -> None:
    elsewhere = [Case("/nowhere", case.body, case.expected) for case in cases]
    running = standin("--only-path", "/predict")
    peak = closed_loop(made_bench, running, "iris", "standin", elsewhere, 2, 0.4)
    assert peak.faults["wrk: status"] > 0
    assert peak.faults["http 404"] == peak.checked
    assert made_bench.results.faults


@needs_wrk
@pytest.mark.slow  # by the clock
def test_peaks_come_from_wrk(made_bench: Bench, standin: Callable[..., Running]) -> None:
    peaks(made_bench, [standin("--delay-ms", "10")], seconds=1)
    assert made_bench.results.peak_rate("standin") == pytest.approx(32 / 0.0105, rel=0.25)


def test_without_wrk_the_run_says_so(made_bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    peaks(made_bench, [])
    assert "wrk is not installed" in made_bench.results.notes[0]
