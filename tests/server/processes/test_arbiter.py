"""The arbiter's own parts: the address it binds, what a worker gets before its fork. Whole ones: tests/integration."""

from __future__ import annotations

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

from server.processes.arbiter import _assign_line, _bind, crash_of, default_host


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
    _assign_line(SimpleNamespace(free_line=lambda: 3), worker)  # type: ignore[arg-type]
    assert before - 1 <= worker.tmp.last_update() <= monotonic()
    assert worker.line == 3
    worker.channel.close()
    worker.tmp.close()


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
