"""Watching: memory and time of whole trees, idle cores, and no figure where a process has ended."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from bench.machine.processes import Child, available, split
from bench.machine.watch import Usage, cpu_seconds, idle_s, tree_of, watching


def test_a_tree_is_counted_with_its_children() -> None:
    alone, cpu_s = tree_of(os.getpid())
    assert alone > 5e6
    assert cpu_s > 0
    assert tree_of(1 << 30) == (0.0, 0.0)


def test_of_a_counter_that_fell_nothing_is_said() -> None:
    usage = Usage(at=[0.0, 1.0, 2.0], cpu_s=[1.0, 1.5, 2.0])
    assert usage.gained(usage.cpu_s, 0.0, 2.0) == 0.5
    usage.cpu_s = [1.0, 1.5, 0.2]  # as when the dyno was replaced
    assert usage.gained(usage.cpu_s, 0.0, 2.0) is None
    assert usage.gained(usage.cpu_s, 2.0, 2.0) is None


def test_what_is_seen_is_seen_of_all_that_was_asked_for(tmp_path: Path) -> None:
    cores = split(available())
    pause = [sys.executable, "-c", "held = bytearray(60 << 20); import signal; signal.pause()"]
    with (
        Child(pause, tmp_path / "a", os.environ) as one,
        Child(pause, tmp_path / "b", os.environ) as other,
        watching(lambda: [one.pid, other.pid], other.pid, cores) as usage,
    ):
        while max(usage.pss_mb, default=0.0) < 60:
            pass
    assert 60 < max(usage.pss_mb) < 110  # of the larger one, not of both
    assert len(usage.at) == len(usage.cpu_s) == len(usage.router_s) >= 2


@pytest.mark.skipif(not Path("/proc/stat").exists(), reason="this machine does not tell how idle its cores are")
def test_idle_time_is_that_of_the_cores_asked_for() -> None:
    every = available()
    each = [idle_s(frozenset([core])) for core in every]
    together = idle_s(every)
    assert together is not None
    assert together == pytest.approx(sum(idle or 0.0 for idle in each), rel=0.01)
    assert idle_s(frozenset()) is None


def test_processor_time_of_children_counts() -> None:
    code = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'print(sum(range(5_000_000))); input()'])"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as shell:
        assert shell.stdout is not None
        shell.stdout.readline()
        worked, own = cpu_seconds(shell.pid), psutil.Process(shell.pid).cpu_times()
        shell.communicate(b"\n")
    assert worked is not None
    assert worked > own.user + own.system
    assert cpu_seconds(shell.pid) is None
