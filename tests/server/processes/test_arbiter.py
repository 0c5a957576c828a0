"""The arbiter's own parts: the address it binds, what a worker gets before its fork. Whole ones: tests/integration."""

from __future__ import annotations

import gc
import os
import resource
import signal
import socket
from time import monotonic
from types import SimpleNamespace
from typing import Any

import pytest
from gunicorn.config import Config
from gunicorn.workers.workertmp import WorkerTmp

from server.batching.quarantine import Quarantine
from server.metrics.scoreboard import ModelMetrics, Scoreboard
from server.processes.arbiter import (
    SCOREBOARD_LINES,
    SILENT_SECONDS,
    STALL_SECONDS,
    Server,
    _Arbiter,
    _assign_line,
    _bind,
    crash_of,
    default_host,
)


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("0.0.0.0", "0.0.0.0:8000"),
        ("localhost", "localhost:8000"),
        ("::", "[::]:8000"),
        ("[::]", "[::]:8000"),
        ("::1", "[::1]:8000"),
    ],
)
def test_an_ipv6_address_has_brackets_whether_a_person_writes_them_or_not(host: str, address: str) -> None:
    assert _bind(host, 8000) == address


def test_the_default_is_ipv4_where_there_is_no_ipv6(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_ipv6(family: int, kind: int) -> socket.socket:
        raise OSError(97, "Address family not supported by protocol")

    monkeypatch.setattr("server.processes.arbiter.socket.socket", no_ipv6)
    assert default_host() == "0.0.0.0"


def test_a_worker_that_hangs_at_once_counts_as_silent() -> None:
    """gunicorn compares a file's time with the monotonic clock; a new file has the time of day, ever in the future."""
    before = monotonic()
    worker: Any = SimpleNamespace(tmp=WorkerTmp(Config()))
    assert worker.tmp.last_update() > before + 1_000_000
    server = SimpleNamespace(records=dict)
    _assign_line(SimpleNamespace(free_line=lambda: 3, server=server), worker)  # type: ignore[arg-type]
    assert before - 1 <= worker.tmp.last_update() <= monotonic()
    assert worker.line == 3
    worker.channel.close()
    worker.tmp.close()


def arbiter(**state: Any) -> Any:
    """An arbiter that has not been started, with this state."""
    made = _Arbiter.__new__(_Arbiter)
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


def test_silent_workers_are_not_killed_for_a_time_in_which_the_arbiter_stood_still_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 1000.0
    kills: list[float] = []
    monkeypatch.setattr("server.processes.arbiter.monotonic", lambda: now)
    monkeypatch.setattr("gunicorn.arbiter.Arbiter.murder_workers", lambda self: kills.append(now))
    made = arbiter(_turned=now, _patient_until=0.0)
    now += 1.0
    made.murder_workers()
    assert kills == [1001.0]
    now += STALL_SECONDS + 60.0
    stalled = now
    while now < stalled + SILENT_SECONDS + 2:
        made.murder_workers()
        now += 1.0
    assert kills[1] == stalled + SILENT_SECONDS, "then they have had their time"


def test_a_worker_that_cannot_boot_is_no_reason_to_end_the_server() -> None:
    assert _Arbiter.WORKER_BOOT_ERROR & 0xFF == 3
    assert _Arbiter.WORKER_BOOT_ERROR > 0xFF, "no exit status is equal to it"


def test_a_renewal_that_fails_keeps_the_blocks_of_what_is_served() -> None:
    scoreboard = Scoreboard(2, 2)
    scoreboard.assign_all([("a", "1"), ("b", "1")])
    repositories = iter([["c", "d", "e"], ["c"]])

    def replace_models(repository: list[SimpleNamespace]) -> None:
        scoreboard.assign_all([(model.name, model.version) for model in repository])

    server: Any = Server.__new__(Server)
    server.scoreboard, server._versions = scoreboard, {("a", "1"), ("b", "1")}
    server.watcher = SimpleNamespace(
        repository=lambda: [SimpleNamespace(name=name, version="1") for name in next(repositories)]
    )
    server.callable = SimpleNamespace(replace_models=replace_models)
    for _ in range(2):
        with pytest.raises(ValueError, match="more than 2 model versions"):
            server.renew()
        assert set(scoreboard.blocks) == {("a", "1"), ("b", "1")}, "workers still write these"
        assert server._versions == set(scoreboard.blocks)
    assert gc.get_freeze_count() > 0, "the pages of what is there are not copied by a later fork"
    gc.unfreeze()


class Crashed:
    """A server with one version, and a worker of it that dies by a signal."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("server.processes.arbiter.monotonic", lambda: 1000.0)
        scoreboard = Scoreboard(2, 1)
        self.run = ModelMetrics(scoreboard, 1, scoreboard.assign("a", "1"))
        self.record = Quarantine(1).record(0)
        self.worker: Any = SimpleNamespace(line=1, aborted=False, records={("a", "1"): self.record})
        self.server: Any = Server.__new__(Server)
        self.server.scoreboard = scoreboard

    def crashes(self) -> int:
        """How many are held against the version after one more."""
        self.server.note_crash(self.worker, signal.SIGABRT)
        return self.record.crash(1000.0) - 1


def test_a_crash_within_a_run_is_held_against_its_version(monkeypatch: pytest.MonkeyPatch) -> None:
    crashed = Crashed(monkeypatch)
    assert crashed.crashes() == 0
    crashed.record.lift()
    crashed.run.begin_run(999.9)
    assert crashed.crashes() == 1


def test_a_crash_of_a_worker_with_a_file_that_is_gone_is_held_against_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    crashed = Crashed(monkeypatch)
    crashed.run.begin_run(999.9)
    crashed.worker.records = {}
    assert crashed.crashes() == 0


@pytest.mark.parametrize(("begun", "held"), [(999.0, 0), (973.0, 0), (971.0, 1)])
def test_a_worker_that_we_end_for_its_silence_has_crashed_in_a_run_that_was_silent_with_it(
    begun: float, held: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    crashed = Crashed(monkeypatch)
    crashed.worker.aborted = True
    crashed.run.begin_run(begun)
    assert crashed.crashes() == held


def test_forks_that_fail_are_tried_once_a_second_and_said_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    now = 1000.0
    monkeypatch.setattr("server.processes.arbiter.monotonic", lambda: now)
    tried: list[float] = []

    def fail(self: Any) -> None:
        tried.append(now)
        raise (MemoryError, OSError)[len(tried) % 2]("no room")

    monkeypatch.setattr(_Arbiter, "spawn_worker", fail)
    made = arbiter(_num_workers=3, WORKERS={}, outgoing={}, retiring={}, _has_forked=True, _fork_fails=False)
    for _ in range(3):
        made._fork_missing()
        assert made._spawn_after == now + 1.0
        now += 1.0
    assert tried == [1000.0, 1001.0, 1002.0], "the others are not even tried"
    assert len(caplog.records) == 1
    made._has_forked = False
    with pytest.raises(SystemExit) as caught:
        made._fork_missing()
    assert caught.value.code == 1


@pytest.mark.parametrize(
    ("number", "crash"), [(signal.SIGSEGV, True), (signal.SIGABRT, True), (signal.SIGKILL, False), (0, False)]
)
def test_only_a_signal_that_a_fault_sends_is_a_crash_and_it_stays_to_be_reaped(number: int, crash: bool) -> None:
    child = os.fork()
    if not child:
        if number:
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            signal.signal(number, signal.SIG_DFL) if number != signal.SIGKILL else None
            os.kill(os.getpid(), number)
        os._exit(0)
    os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
    assert crash_of(child) == (number if crash else None)
    assert os.waitpid(child, 0)[0] == child
    assert crash_of(child) is None
