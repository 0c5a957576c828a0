"""A fork that fails ends nothing: what serves goes on, what is missing comes once there is room again."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import psutil
import pytest

from tests.integration.conftest import Start
from tests.support.integration.running import Running, altered, free_port, poll, run_to_end
from tests.support.integration.unharmed import unharmed
from tests.support.load.scarcity import no_forks
from tests.support.server.models import plain

NOT_STARTED = "a worker process cannot be started"

# The server as it is, but its forks fail: the numbers of those that do, then the number from which all do.
FAILING = """
import errno, itertools, os, sys
failing, all_from = eval(sys.argv[1]), int(sys.argv[2])
count, fork = itertools.count(1), os.fork

def failing_fork():
    number = next(count)
    if number in failing or number >= all_from:
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
    return fork()

os.fork = failing_fork
"""


def command(failing: set[int], all_from: int = 1000) -> tuple[str, ...]:
    """Starts such a server."""
    return altered(FAILING, str(failing or "()"), str(all_from))


def kill(server: Running) -> int:
    """Kills a worker and returns once it is gone."""
    victim = server.workers()[0]
    os.kill(victim, signal.SIGKILL)
    poll(lambda: victim not in server.workers(), "the worker is gone")
    return victim


@pytest.mark.fault(42)
def test_a_worker_that_dies_where_nothing_can_be_forked_is_replaced_later(start: Start) -> None:
    server = start(WEB_CONCURRENCY="2")
    held = psutil.Process(server.pid).num_fds()
    with unharmed(server, kills=1):
        with no_forks(server):
            kill(server)
            poll(lambda: NOT_STARTED in server.read_log(), "the arbiter says so")
            with unharmed(server):
                assert len(server.workers()) == 1
        poll(lambda: len(server.workers()) == 2, "the worker is replaced")
    assert server.read_log().count(NOT_STARTED) == 1
    arbiter = psutil.Process(server.pid)
    poll(lambda: arbiter.num_fds() == held, "the failed forks leave nothing open")
    assert server.stop() == 0


@pytest.mark.fault(42)
def test_a_reload_where_nothing_can_be_forked_keeps_the_old_workers(start: Start) -> None:
    server = start(WEB_CONCURRENCY="2")
    with no_forks(server), unharmed(server):
        os.kill(server.pid, signal.SIGHUP)
        poll(lambda: NOT_STARTED in server.read_log(), "the arbiter says so")
    old = set(server.workers())
    poll(lambda: not old & set(server.workers()) and len(server.workers()) == 2, "fresh workers serve")
    assert server.stop() == 0


@pytest.mark.slow
def test_a_new_file_that_cannot_be_tried_yet_is_tried_once_there_is_room(start: Start, tmp_path: Path) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "first.onnx").write_bytes(plain().data)
    server = start(DYNONNX_MODELS=str(folder), WEB_CONCURRENCY="1")

    def state(name: str) -> dict[str, object]:
        rows = server.ask("GET", "/models").json()["models"]
        return next((row for row in rows if row["name"] == name), {})

    with no_forks(server):
        (folder / "second.onnx").write_bytes(plain().data)
        poll(lambda: "reason" in state("second"), "the reason is told")
        assert "no process could be started" in str(state("second")["reason"])
        assert state("first")["ready"] is True
    poll(lambda: state("second").get("ready") is True, "it is tried and serves")
    assert server.read_log().count("no process could be started") == 1


@pytest.mark.slow
def test_the_forks_of_trials_and_workers_may_fail_at_the_start(models: Path, tmp_path: Path) -> None:
    """The first is a trial's: that model comes later; the second worker's fails twice: it comes later."""
    settings = {"DYNONNX_MODELS": str(models), "DYNONNX_DEFAULT_MODEL": "iris", "WEB_CONCURRENCY": "2"}
    server = Running(settings, tmp_path / "server.log", command({1, 7, 8}))
    try:
        server.wait_until_live()
        poll(lambda: len(server.workers()) == 2, "both workers are there")

        def ready() -> int:
            return sum(row["ready"] for row in server.ask("GET", "/models").json()["models"])

        poll(lambda: ready() == 4, "all four models serve")
    finally:
        assert server.stop() == 0


def test_a_start_without_any_worker_ends_in_one_line(tmp_path: Path) -> None:
    settings = {"DYNONNX_MODELS": str(tmp_path / "none"), "PORT": str(free_port())}
    status, written = run_to_end(settings, command(set(), 1))
    assert status == 1
    assert "Traceback" not in written
    *_, last = written.splitlines()
    assert "no worker process can be started" in last
