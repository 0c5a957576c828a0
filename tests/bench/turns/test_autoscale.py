"""Small dynos that come and go by their own signal: who is started and ended when, and once for real."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from contextlib import ExitStack
from types import SimpleNamespace
from typing import Any

import pytest

from bench.dyno.autoscaler import Rules
from bench.dyno.dyno import dyno, size_named
from bench.dyno.router import executable
from bench.errors import ServerFailed
from bench.load.generator import seconds_of
from bench.record.formations import reversals
from bench.turns import autoscale as module
from bench.turns.autoscale import HIGH, LOW, SMALL_SHARE, Course, Formation, autoscale
from bench.turns.bench import Bench

EAGER = Rules(goal=0.6, most=4, settle_s=0.0, calm_s=0.0)


class Now:
    """An executor that does all at once."""

    def submit(self, act: Callable[..., Any], *given: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(act(*given))
        except ServerFailed as error:
            future.set_exception(error)
        return future


class Stage:
    """A formation without processes, whose dynos tell ``demands`` in turn, all the same."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *demands: float | None, fails: int = 0) -> None:
        self.told: list[tuple[str, int]] = []
        self.ended: list[int] = []
        self._fails = fails
        self._demands = list(demands)
        first: Any = SimpleNamespace(port=1, codes={})
        router: Any = SimpleNamespace(
            hold=lambda number: self.told.append(("hold", number)),
            send_to=lambda port, number: self.told.append(("send", number)),
        )
        bench: Any = SimpleNamespace(results=SimpleNamespace(notes=[]))
        threads: Any = Now()
        system: Any = None
        dynos: Any = None
        self.formation = Formation(bench, system, dynos, first, router, EAGER, threads)
        monkeypatch.setattr(module, "demand_of", lambda _: self._demands[0])
        monkeypatch.setattr(Formation, "_start", lambda _, name: self._start(name))

    def _start(self, name: str) -> tuple[Any, ExitStack]:
        number = int(name.rsplit("-", 1)[1])
        if number <= self._fails:
            raise ServerFailed("no.", "")
        end = ExitStack()
        end.callback(self.ended.append, number)
        return SimpleNamespace(port=number, codes={}), end

    def steps(self) -> list[int]:
        """How many serve after each step."""
        counts = []
        while self._demands:
            self.formation.step()
            counts.append(self.formation.serving)
            self._demands.pop(0)
        return counts


def test_dynos_come_and_go_and_the_first_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(monkeypatch, 0.3, 1.5, 0.5, 0.6, 0.1, 0.1)
    assert stage.steps() == [1, 1, 3, 3, 1, 1], "those that were asked for serve from the next step on"
    assert stage.told == [("send", 2), ("send", 3), ("hold", 3), ("hold", 2)]
    assert stage.ended == [3, 2]
    assert len(stage.formation.gone) == 2


def test_one_that_does_not_start_is_told_and_another_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(monkeypatch, 1.0, 1.0, 0.6, fails=2)
    assert stage.steps() == [1, 1, 2]
    (note,) = stage.formation.bench.results.notes
    assert note.startswith("a dyno did not start: no.")


def test_where_nobody_tells_anything_all_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(monkeypatch, 0.7, None, None, None)
    assert stage.steps() == [1, 2, 2, 2]


def test_all_are_ended_in_the_end_also_those_that_start(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(monkeypatch, 2.0)
    stage.steps()
    stage.formation.close()
    assert stage.ended == [2, 3, 4]


def test_the_course_climbs_tenfold_and_falls_again() -> None:
    phases = Course().phases(250.0)
    rates = [phase.rate for phase in phases]
    top = rates.index(max(rates))
    assert rates[0] == rates[-1] == LOW * 250
    assert rates[top] == HIGH * 250 == 10 * rates[0]
    assert rates[: top + 1] == sorted(rates[: top + 1])
    assert rates[top:] == sorted(rates[top:], reverse=True)
    assert seconds_of(phases) == pytest.approx(260)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.skipif(executable() is None, reason="HAProxy is not installed")
def test_real_dynos_come_with_the_load_and_go_with_it_and_nothing_is_lost(made_bench: Bench) -> None:
    with dyno(size_named("standard-1x"), "probe", SMALL_SHARE) as probe:
        if "cpu" not in probe.group.directories:
            pytest.skip("no share of the processor can be set here")
    course = Course(low=8.0, climb=30.0, high=15.0, fall=5.0, end=45.0)
    rules = Rules(calm_s=10.0)
    size = size_named("standard-1x")
    autoscale(made_bench, lambda name: dyno(size, name, SMALL_SHARE), 250.0, 50.0, course, rules)
    (turn,) = made_bench.results.turns
    dynos = [serving for _, serving, _ in turn.formation]
    assert turn.figures.failed == 0, turn.figures.errors
    assert dynos[0] == 1
    assert max(dynos) > 1
    assert dynos[-1] < max(dynos)
    assert reversals(turn) == 1
    assert len(made_bench.results.targets) == 3
