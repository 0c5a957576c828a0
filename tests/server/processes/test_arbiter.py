"""The arbiter's own decisions. Whole ones, with workers: tests/integration."""

from __future__ import annotations

import signal
from types import SimpleNamespace
from typing import Any

import pytest

from server.processes.arbiter import SILENT_SECONDS, STALL_SECONDS, ReloadingArbiter


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


def test_what_waits_for_blocks_is_renewed_when_no_worker_retires_any_more() -> None:
    made: Any = ReloadingArbiter.__new__(ReloadingArbiter)
    whole = iter([False, True])
    renewed: list[bool] = []

    def renew() -> bool:
        renewed.append(next(whole))
        return renewed[-1]

    made.WORKERS, made.outgoing, made.retiring = {}, {}, {}
    made._restart, made._is_partial = True, False
    made.control_server = SimpleNamespace(receive=lambda channels: None)
    made.server = SimpleNamespace(
        watcher=SimpleNamespace(step=lambda: False, waits_for=list, has_changed=False),
        renew=renew,
        scoreboard=SimpleNamespace(serves=lambda line: True),
    )
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
