"""Children: ended with all they started, by the group, their log kept; server and generator on cores of their own."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import psutil
import pytest

from bench.machine.processes import Child, available, split

STUBBORN = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import signal; signal.signal(15, signal.SIG_IGN); signal.pause()"])
print("child", child.pid, flush=True)
signal.pause()
"""


def wait_for_line(log: Path, start: str) -> str:
    """The first line that starts so; the test's own time limit ends a wait in vain."""
    while True:
        for line in log.read_text("utf-8").splitlines(keepends=True):
            if line.startswith(start) and line.endswith("\n"):
                return line


def wait_until_dead(pid: int) -> None:
    """A kill is on its way when the call returns, not always done; the test's own time limit ends a wait in vain."""
    while psutil.pid_exists(pid):
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return
        except psutil.NoSuchProcess:
            return


def test_a_group_that_ignores_sigterm_is_killed_grandchildren_too(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with Child([sys.executable, "-c", STUBBORN], log, os.environ, grace_s=0.3) as child:
        grandchild = int(wait_for_line(log, "child").split()[1])
        assert psutil.pid_exists(grandchild)
    assert child.status() == -signal.SIGKILL
    wait_until_dead(grandchild)


def test_what_left_the_group_is_ended_too(tmp_path: Path) -> None:
    log = tmp_path / "log"
    leaving = STUBBORN.replace("signal.signal(signal.SIGTERM, signal.SIG_IGN)\n", "", 1)
    leaving = leaving.replace("signal.signal(15, signal.SIG_IGN)", "import os; os.setsid()")
    with Child([sys.executable, "-c", leaving], log, os.environ) as child:
        grandchild = psutil.Process(int(wait_for_line(log, "child").split()[1]))
        while os.getpgid(grandchild.pid) == child.pid:  # until it has left
            pass
        child.signal(signal.SIGSTOP)
        while grandchild.status() != psutil.STATUS_STOPPED:
            pass
        child.signal(signal.SIGCONT)
    assert not child.killed
    wait_until_dead(grandchild.pid)


def test_a_child_that_obeys_is_not_killed(tmp_path: Path) -> None:
    log = tmp_path / "log"
    obey = "import signal, sys; signal.signal(15, lambda *_: sys.exit(7)); print('ready', flush=True); signal.pause()"
    with Child([sys.executable, "-c", obey], log, os.environ) as child:
        wait_for_line(log, "ready")
        assert child.status() is None
    assert child.status() == 7


def test_a_child_ends_when_the_block_is_left_by_an_error(tmp_path: Path) -> None:
    def interrupted() -> None:
        with Child([sys.executable, "-c", "import signal; signal.pause()"], tmp_path / "log", os.environ) as child:
            pids.append(child.pid)
            raise KeyboardInterrupt

    pids: list[int] = []
    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert not psutil.pid_exists(pids[0])


def test_the_log_keeps_what_the_child_said_and_its_tail_is_short(tmp_path: Path) -> None:
    say = "print('\\n'.join(f'line {number}' for number in range(100)))"
    with Child([sys.executable, "-c", say], tmp_path / "log", os.environ) as child:
        assert child.wait(20) == 0
    assert child.log_tail().splitlines() == [f"line {number}" for number in range(75, 100)]


@pytest.mark.skipif(not available(), reason="this machine pins no processes")
def test_a_child_stays_on_its_cores(tmp_path: Path) -> None:
    core = frozenset([max(available())])
    with Child([sys.executable, "-c", "import signal; signal.pause()"], tmp_path / "log", os.environ, core) as child:
        assert os.sched_getaffinity(child.pid) == core


@pytest.mark.parametrize(
    ("available", "wanted", "server", "generator"),
    [
        ({0, 1}, 1, {0}, {1}),
        ({2, 3, 5, 7}, 1, {2}, {3, 5, 7}),
        ({0, 1, 2, 3}, 2, {0, 1}, {2, 3}),
        ({0, 1}, 4, {0}, {1}),  # one core at least is left to the generator
    ],
)
def test_server_and_generator_do_not_share(
    available: set[int], wanted: int, server: set[int], generator: set[int]
) -> None:
    cores = split(frozenset(available), wanted)
    assert (set(cores.server), set(cores.generator)) == (server, generator)
    assert cores.spin


@pytest.mark.parametrize("available", [set(), {3}])
def test_with_one_core_or_none_known_nothing_is_pinned_and_nobody_spins(available: set[int]) -> None:
    cores = split(frozenset(available))
    assert not cores.server
    assert not cores.generator
    assert not cores.spin
    assert "one core" in cores.said
