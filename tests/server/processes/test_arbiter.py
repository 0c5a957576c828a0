"""The arbiter's own decisions. Whole ones, with workers: tests/integration."""

from __future__ import annotations

import math
import signal
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from server.processes.arbiter import MOST_RETIRING, SILENT_SECONDS, STALL_SECONDS, ReloadingArbiter


@pytest.mark.fault(41)
def test_silent_workers_are_not_killed_for_a_time_in_which_the_arbiter_stood_still_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 1000.0
    kills: list[float] = []
    monkeypatch.setattr("server.processes.arbiter.monotonic", lambda: now)
    monkeypatch.setattr("gunicorn.arbiter.Arbiter.murder_workers", lambda self: kills.append(now))
    made: Any = ReloadingArbiter.__new__(ReloadingArbiter)
    made._turned, made._patient_until = now, 0.0
    now += 1.0
    made.murder_workers()
    assert kills == [1001.0]
    now += STALL_SECONDS + 60.0
    stalled = now
    while now < stalled + SILENT_SECONDS + 2:
        made.murder_workers()
        now += 1.0
    assert kills[1] == stalled + SILENT_SECONDS, "then they have had their time"


def renewing(renew: Callable[[], bool], workers: int = 1) -> Any:
    """An arbiter that is about to renew its models, and has no worker yet."""
    made: Any = ReloadingArbiter.__new__(ReloadingArbiter)
    made.WORKERS, made.outgoing, made.retiring = {}, {}, {}
    made._num_workers = workers
    made._restart, made._is_partial, made._is_stale = True, False, False
    made.control_server = SimpleNamespace(receive=lambda channels: None)
    made.server = SimpleNamespace(
        watcher=SimpleNamespace(step=lambda: False, gathers=False, has_changed=False),
        renew=renew,
        scoreboard=SimpleNamespace(serves=lambda line: True),
    )
    return made


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_workers_that_are_held_on_their_way_out_never_pile_up(workers: int) -> None:
    generations: list[int] = []

    def renew() -> bool:
        generations.append(len(made.retiring))
        return True

    made = renewing(renew, workers)
    for generation in range(20):  # clients hold each worker of every generation
        made._restart = True
        made._update_models()
        made.retiring |= {1000 * generation + each: 0.0 for each in range(max(1, workers)) if not made._restart}
    assert len(generations) == MOST_RETIRING
    assert made._is_changing(), "a load call waits, too"
    made.retiring.popitem()
    made._update_models()
    assert len(generations) == MOST_RETIRING + 1


def test_models_that_could_not_be_renewed_are_known_until_some_are() -> None:
    def fail() -> bool:
        raise ValueError("more than 512 model versions cannot be served at a time")

    made = renewing(fail)
    made._update_models()
    assert made._is_stale
    assert not made._is_changing(), "workers have what they had"
    made.server.renew = lambda: True
    made._update_models()
    assert made._is_stale, "nothing has changed since"
    made._restart = True
    made._update_models()
    assert not made._is_stale


def test_what_waits_for_blocks_is_renewed_when_no_worker_retires_any_more() -> None:
    whole = iter([False, True])
    renewed: list[bool] = []

    def renew() -> bool:
        renewed.append(next(whole))
        return renewed[-1]

    made = renewing(renew)
    made._update_models()
    assert renewed == [False]
    made.retiring = {4711: 0.0}
    made._update_models()
    assert renewed == [False], "its blocks are still written"
    assert made._is_changing(), "a load call is not answered yet"
    made.retiring = {}
    made._update_models()
    made._update_models()
    assert renewed == [False, True]
    assert not made._is_changing()


def test_what_a_start_or_a_reload_read_of_files_is_let_go_once_when_all_serve(monkeypatch: pytest.MonkeyPatch) -> None:
    gone: list[str] = []
    monkeypatch.setattr("server.processes.arbiter.let_files_go", lambda: gone.append("files"))
    made = renewing(lambda: True)
    for step in ("_measure", "_forget_gone", "_replace_stuck", "_follow_box"):
        setattr(made, step, lambda: None)
    made.control_server.answer = lambda **_: None
    made.spawn_after, made._restart, made._is_lean = math.inf, False, False
    made.manage_workers()
    assert gone == [], "no worker serves yet"
    made.WORKERS = {4711: SimpleNamespace(age=1, line=1, channel=None)}
    made.manage_workers()
    made.manage_workers()
    assert gone == ["files"]
    made.kill_worker = lambda pid, number: None
    made._restart = True
    made.manage_workers()
    assert gone == ["files"], "the worker from before is on its way out, the fresh one not there"
    made.WORKERS[4712] = SimpleNamespace(age=2, line=2, channel=None)
    made.manage_workers()
    assert gone == ["files", "files"]


class Boxed:
    """An arbiter whose box is another at its next look."""

    def __init__(self, workers: int, planned: int | None) -> None:
        made: Any = ReloadingArbiter.__new__(ReloadingArbiter)
        made.cfg = SimpleNamespace(nworkers_changed=lambda *_: None)
        made.log = SimpleNamespace(debug=lambda *_, **__: None)
        made._num_workers = workers
        made.WORKERS = {pid: SimpleNamespace(age=pid) for pid in range(1, workers + 1)}
        made.outgoing, made.retiring, made._restart = {}, {}, False
        made._box_watch = SimpleNamespace(look=lambda now: "a box")
        made.server = SimpleNamespace(fit=lambda box: planned)
        self.killed: list[tuple[int, int]] = []
        made.kill_worker = lambda pid, number: self.killed.append((pid, number))
        self.arbiter = made

    def follow(self) -> tuple[int, bool]:
        """How many workers there should be, and whether fresh ones are wanted."""
        self.arbiter._follow_box()
        return self.arbiter.num_workers, self.arbiter._restart


def test_a_larger_box_gets_more_workers_all_fresh() -> None:
    boxed = Boxed(1, planned=3)
    assert boxed.follow() == (3, True)
    assert boxed.killed == []


def test_in_a_smaller_box_those_that_are_too_many_go_first() -> None:
    boxed = Boxed(4, planned=1)
    assert boxed.follow() == (1, True)
    assert boxed.killed == [(pid, signal.SIGTERM) for pid in (1, 2, 3)]


def test_a_box_that_has_room_for_as_many_keeps_the_number_that_signals_made() -> None:
    assert Boxed(3, planned=None).follow() == (3, True)


def test_while_workers_are_renewed_the_box_is_not_looked_at() -> None:
    boxed = Boxed(2, planned=1)
    boxed.arbiter.outgoing = {1: 0.0}
    assert boxed.follow() == (2, False)
