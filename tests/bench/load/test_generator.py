"""The figures are honest: servers with known faults, driven by Locust in its own process, show exactly those faults."""

from __future__ import annotations

import itertools
import os
import sys
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from bench.errors import LoadFailed
from bench.load.cases import Case
from bench.load.generator import Generator, Phase, due_times, format_phases, parse_phases, seconds_of, send
from bench.machine.processes import Child
from tests.support.bench.runs import of_phases

if TYPE_CHECKING:
    from tests.bench.conftest import Serve


def test_every_request_that_is_due_is_sent_and_shows_its_wait(
    standin: Serve, cases_file: Path, tmp_path: Path, generator: Generator
) -> None:
    phases = [Phase(100, 0.5), Phase(200, 0.5)]
    due = np.array(list(due_times(phases)))
    samples = send(standin("--delay-ms", "20").url, cases_file, phases, tmp_path, generator)
    first, second = of_phases(samples, phases)
    assert first.failed == second.failed == 0
    assert [first.requests, second.requests] == [np.count_nonzero(due < 0.5), np.count_nonzero(due >= 0.5)]
    assert np.median(samples.done - samples.due) > 0.019  # timers of the stand-in are whole milliseconds


@pytest.mark.slow  # by the clock
def test_a_right_server_shows_its_rate_and_no_errors(
    standin: Serve, cases_file: Path, tmp_path: Path, generator: Generator
) -> None:
    phases = [Phase(300, 1), Phase(600, 1)]
    samples = send(standin().url, cases_file, phases, tmp_path, generator)
    first, second = of_phases(samples, phases)
    assert first.failed == second.failed == 0
    assert first.requests == pytest.approx(300, abs=80)
    assert second.requests == pytest.approx(600, abs=120)
    assert second.rate == pytest.approx(second.requests, rel=0.1)


@pytest.mark.slow  # by the clock
def test_20_ms_slower_shows_20_ms(standin: Serve, cases_file: Path, tmp_path: Path, generator: Generator) -> None:
    phases = [Phase(200, 2)]
    plain = send(standin().url, cases_file, phases, tmp_path, generator)
    slow = send(standin("--delay-ms", "20").url, cases_file, phases, tmp_path, generator)
    quiet_ms = [np.percentile(each.done - each.due, 10) * 1e3 for each in (plain, slow)]  # the machine's noise apart
    assert quiet_ms[1] - quiet_ms[0] == pytest.approx(20, abs=2)
    (figures,) = of_phases(slow, phases)
    assert figures.p50_ms is not None
    assert figures.p50_ms > 20


def test_a_stall_is_seen_by_more_callers_than_there_are_connections(
    standin: Serve, cases_file: Path, tmp_path: Path, generator: Generator
) -> None:
    running = standin("--stall-s", "0.6", "--stall-every-s", "0.4")
    few = replace(generator, connections=4)
    samples = send(running.url, cases_file, [Phase(200, 1.2)], tmp_path, few)
    # A closed loop would see at most one slow answer a connection; those due in the stall are some 120.
    assert np.count_nonzero(samples.done - samples.due > 0.1) > 4 * few.connections


@pytest.mark.slow  # by the clock
def test_a_stall_of_a_second_is_seen_by_all_who_were_due_in_it(
    standin: Serve, cases_file: Path, tmp_path: Path, generator: Generator
) -> None:
    phases = [Phase(200, 6)]
    running = standin("--stall-s", "1", "--stall-every-s", "4")
    samples = send(running.url, cases_file, phases, tmp_path, generator)
    (figures,) = of_phases(samples, phases)
    waited_s = samples.done - samples.due
    assert figures.failed == 0
    assert figures.p99_ms is not None
    assert figures.p50_ms is not None
    assert figures.p99_ms > 700
    assert figures.p50_ms < 50
    # A closed loop would see at most one slow answer a connection; those due in the stall were some 180.
    assert np.count_nonzero(waited_s > 0.1) > 4 * generator.connections


def test_wrong_answers_are_counted_by_what_is_wrong(
    standin: Serve, cases: list[Case], cases_file: Path, tmp_path: Path, generator: Generator
) -> None:
    expected = dict(cases[0].expected) | {"probability": cases[0].expected["probability"] + 0.001}
    golden = Case(cases[0].path, cases[0].body, expected)
    phases = [Phase(100, 0.5)]
    samples = send(standin("--wrong", golden=golden).url, cases_file, phases, tmp_path, generator)
    (figures,) = of_phases(samples, phases)
    assert figures.wrong == figures.requests > 0
    assert figures.errors == {"wrong answer: probability": figures.requests}
    assert figures.rate == 0


@pytest.mark.slow
def test_a_server_that_hangs_counts_as_unfinished(
    standin: Serve, cases_file: Path, tmp_path: Path, generator: Generator
) -> None:
    phases = [Phase(100, 3)]
    running = standin("--stall-s", "30", "--stall-every-s", "2")
    (figures,) = of_phases(send(running.url, cases_file, phases, tmp_path, generator), phases)
    assert figures.errors["unfinished"] > 30
    assert figures.p99_ms is not None
    assert figures.p99_ms > 5000


@pytest.mark.slow  # three hogs on the generator's core
def test_a_generator_at_its_limit_is_named(
    standin: Serve, cases_file: Path, tmp_path: Path, generator: Generator
) -> None:
    phases = [Phase(60_000, 0.5)]
    running = standin()
    with ExitStack() as hogs:  # they take most of the generator's core, so that it is surely slower than the server
        for each in range(3):
            hog = [sys.executable, "-c", "while True: pass"]
            hogs.enter_context(Child(hog, tmp_path / f"hog{each}.log", os.environ, generator.cores.generator))
        (figures,) = of_phases(send(running.url, cases_file, phases, tmp_path, generator), phases)
    assert figures.limit is not None
    assert "generator" in figures.limit


@pytest.mark.slow
def test_several_generator_processes_share_one_rate(
    standin: Serve, cases_file: Path, tmp_path: Path, generator: Generator
) -> None:
    phases = [Phase(400, 2)]
    samples = send(standin().url, cases_file, phases, tmp_path, replace(generator, processes=2))
    (figures,) = of_phases(samples, phases)
    assert [each.share for each in samples.generators] == [0.5, 0.5]
    assert figures.failed == 0
    assert figures.requests == pytest.approx(800, abs=4 * 28)


def test_a_server_that_is_gone_shows_in_the_errors(
    standin: Serve, cases_file: Path, tmp_path: Path, generator: Generator
) -> None:
    running = standin()
    assert running.child is not None
    running.child.stop()
    (figures,) = of_phases(send(running.url, cases_file, [Phase(100, 0.5)], tmp_path, generator), [Phase(100, 0.5)])
    assert figures.errors == {"connection refused": figures.requests}
    assert figures.p50_ms is None


def test_locust_that_cannot_start_says_why(cases_file: Path, tmp_path: Path, generator: Generator) -> None:
    with pytest.raises(LoadFailed, match="i-own-this-host"):
        send("http://192.0.2.1:80", cases_file, [Phase(1, 1)], tmp_path, generator)


def test_monkey_patching_stays_in_locusts_process() -> None:
    assert "gevent.monkey" not in sys.modules or not sys.modules["gevent.monkey"].saved


def test_phases_read_back_what_they_write() -> None:
    phases = (Phase(500, 10), Phase(1000, 0.5))
    assert parse_phases(format_phases(phases)) == phases
    assert seconds_of(phases) == 10.5


@pytest.mark.parametrize("text", ["500", "x10", "500x", "500x0", "-1x5", "500x10,", "nanx5"])
def test_text_that_is_no_phase_is_named(text: str) -> None:
    with pytest.raises(ValueError, match="RATExSECONDS"):
        parse_phases(text)


def test_each_phase_has_its_rate() -> None:
    times = np.array(list(due_times([Phase(1000, 10), Phase(4000, 10)])))
    first, second = np.count_nonzero(times < 10), np.count_nonzero(times >= 10)
    assert first == pytest.approx(10_000, abs=4 * 100)
    assert second == pytest.approx(40_000, abs=4 * 200)
    assert times.max() < 20


def test_gaps_are_those_of_independent_callers() -> None:
    gaps = np.diff(list(due_times([Phase(1000, 30)])))
    assert gaps.min() > 0
    assert gaps.std() == pytest.approx(gaps.mean(), rel=0.05)  # exponential: both are 1/rate


def test_the_same_seed_gives_the_same_arrivals() -> None:
    assert list(due_times([Phase(50, 5)])) == list(due_times([Phase(50, 5)]))
    assert list(due_times([Phase(50, 5)], seed=1)) != list(due_times([Phase(50, 5)], seed=2))


def test_shares_add_up_to_the_rate() -> None:
    whole = itertools.chain(due_times([Phase(800, 20)], 0.25, seed=1), due_times([Phase(800, 20)], 0.75, seed=2))
    assert len(list(whole)) == pytest.approx(16_000, abs=4 * 127)
