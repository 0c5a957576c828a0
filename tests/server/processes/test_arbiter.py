"""The arbiter's own decisions. Whole ones, with workers: tests/integration."""

from __future__ import annotations

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
