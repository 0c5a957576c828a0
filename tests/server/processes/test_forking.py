"""Forking: what a worker gets before its fork, what is left of it after its end, and forks that fail."""

from __future__ import annotations

from time import monotonic
from types import SimpleNamespace
from typing import Any

import pytest
from gunicorn.config import Config
from gunicorn.workers.workertmp import WorkerTmp

from server.metrics.counters import ModelMetrics
from server.metrics.scoreboard import Scoreboard
from server.processes.forking import SCOREBOARD_LINES, ForkingArbiter, assign_line


def test_a_worker_that_hangs_at_once_counts_as_silent() -> None:
    """gunicorn compares a file's time with the monotonic clock; a new file has the time of day, ever in the future."""
    before = monotonic()
    worker: Any = SimpleNamespace(tmp=WorkerTmp(Config()))
    assert worker.tmp.last_update() > before + 1_000_000
    server = SimpleNamespace(records=dict)
    assign_line(SimpleNamespace(free_line=lambda: 3, server=server), worker)  # type: ignore[arg-type]
    assert before - 1 <= worker.tmp.last_update() <= monotonic()
    assert worker.line == 3
    worker.channel.close()
    worker.tmp.close()


def arbiter(**state: Any) -> Any:
    """An arbiter that has not been started, with this state."""
    made = ForkingArbiter.__new__(ForkingArbiter)
    for name, value in state.items():
        setattr(made, name, value)
    return made


def test_no_line_is_given_twice_and_more_workers_than_lines_are_refused() -> None:
    workers = {pid: SimpleNamespace(line=pid - 1) for pid in range(2, SCOREBOARD_LINES)}
    made = arbiter(WORKERS=workers, server=SimpleNamespace(scoreboard=SimpleNamespace(clear_gauges=lambda line: None)))
    assert made.free_line() == SCOREBOARD_LINES - 1
    workers[SCOREBOARD_LINES] = SimpleNamespace(line=SCOREBOARD_LINES - 1)
    with pytest.raises(OSError, match="1023 workers live already"):  # not StopIteration, which ends the server
        made.free_line()


def test_a_worker_that_cannot_boot_is_no_reason_to_end_the_server() -> None:
    assert ForkingArbiter.WORKER_BOOT_ERROR & 0xFF == 3
    assert ForkingArbiter.WORKER_BOOT_ERROR > 0xFF, "no exit status is equal to it"


def test_what_a_worker_that_is_gone_had_to_do_is_no_longer_shown() -> None:
    """After a reload its line may stay free until the next one."""
    scoreboard = Scoreboard(3, 1)
    metrics = ModelMetrics(scoreboard, 1, scoreboard.assign("a", "1"))
    scoreboard.begin_serving(1)
    metrics.pending(5)
    metrics.batch(3, 0.1, "turn")
    channel = SimpleNamespace(close=lambda: None)
    made = arbiter(
        server=SimpleNamespace(scoreboard=scoreboard),
        control_server=SimpleNamespace(forget=lambda channel: None),
        spawn_after=0.0,
    )
    made.note_worker_exit(SimpleNamespace(line=1, channel=channel))
    assert scoreboard.totals(0, "nv_inference_pending_request_count") == [0.0]
    assert scoreboard.totals(0, "nv_inference_count") == [3.0]
    assert made.spawn_after == 0.0, "it had served"


def test_forks_that_fail_are_tried_once_a_second_and_said_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    now = 1000.0
    monkeypatch.setattr("server.processes.forking.monotonic", lambda: now)
    tried: list[float] = []

    def fail(self: Any) -> None:
        tried.append(now)
        raise (MemoryError, OSError)[len(tried) % 2]("no room")

    monkeypatch.setattr(ForkingArbiter, "spawn_worker", fail)
    made = arbiter(_has_forked=True, _fork_fails=False)
    for _ in range(3):
        made.fork_workers(3)
        assert made.spawn_after == now + 1.0
        now += 1.0
    assert tried == [1000.0, 1001.0, 1002.0], "the others are not even tried"
    assert len(caplog.records) == 1
    made._has_forked = False
    with pytest.raises(SystemExit) as caught:
        made.fork_workers(3)
    assert caught.value.code == 1
