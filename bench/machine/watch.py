"""Owns what the machine is, and what it and running servers do: memory, processor time, idle cores. No requests."""

from __future__ import annotations

import os
import platform
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from bench.machine.processes import Cores, available

_EVERY_S = 1.0  # a look takes some milliseconds of the generator's core
_MB = 1e6
_NS = 1e9


@dataclass(slots=True)
class Usage:
    """What was seen, one entry a look. ``pss_mb`` in MB (10^6 bytes): shared pages counted once over a tree.

    Of several servers, ``pss_mb`` is the largest one's and ``cpu_s`` their sum. ``idle_s`` is None where the kernel
    does not tell.
    """

    at: list[float] = field(default_factory=list)  # seconds on the monotonic clock
    pss_mb: list[float] = field(default_factory=list)
    cpu_s: list[float] = field(default_factory=list)  # user + system of the trees since their start
    router_s: list[float] = field(default_factory=list)  # the same of the router
    router_waited_s: list[float] = field(default_factory=list)  # how long it was ready to run, but its core was not
    server_idle_s: list[float] = field(default_factory=list)  # over the cores that serve
    generator_idle_s: list[float] = field(default_factory=list)  # over the cores that make load

    def gained(self, values: Sequence[float], begin: float, end: float) -> float | None:
        """By how much one of the lists grew between two moments, a second.

        None where there are too few looks, and where it fell, as the time of a process does that has ended.
        """
        if len(values) < 2 or end <= begin or any(after < before for before, after in pairwise(values)):
            return None
        first, last = np.interp([begin, end], self.at, values)
        return float(last - first) / (end - begin)


@contextmanager
def looking(look: Callable[[], bool], every_s: float) -> Iterator[None]:
    """Call ``look`` from a thread, at once and again and again while it gives True, as long as the block lasts."""
    over = threading.Event()

    def look_until_over() -> None:
        while look() and not over.wait(every_s):
            pass

    thread = threading.Thread(target=look_until_over, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@contextmanager
def watching(servers: Callable[[], Sequence[int]], router: int | None, cores: Cores) -> Iterator[Usage]:
    """What is seen once a second while the block lasts, and at its end. ``servers``: the processes at a look."""
    usage = Usage()

    def look() -> bool:
        trees = [tree_of(pid) for pid in servers()]
        usage.at.append(time.perf_counter())
        usage.pss_mb.append(max((pss for pss, _ in trees), default=0.0) / _MB)
        usage.cpu_s.append(sum(cpu for _, cpu in trees))
        if router is not None:
            usage.router_s.append(cpu_seconds(router) or 0.0)
            usage.router_waited_s.append(sum(waited for _, waited in _scheduled_s(router)))
        for seconds, group in ((usage.server_idle_s, cores.server), (usage.generator_idle_s, cores.generator)):
            if (idle := idle_s(group)) is not None:
                seconds.append(idle)
        return True

    with looking(look, _EVERY_S):
        yield usage
    look()


def tree_of(root: int) -> tuple[float, float]:
    """PSS in bytes and processor seconds of a process and all below it; what has ended counts as nothing."""
    pss = cpu = 0.0
    with suppress(psutil.NoSuchProcess):
        for process in _tree(root):
            with suppress(psutil.NoSuchProcess, psutil.ZombieProcess):  # it ended between the listing and the look
                pss += process.memory_full_info().pss
                times = process.cpu_times()
                cpu += times.user + times.system
    return pss, cpu


def idle_s(cores: frozenset[int]) -> float | None:
    """Seconds since boot in which these cores had nothing to do, added up; None for no core, or where nobody tells."""
    if not cores or not hasattr(psutil.cpu_times(), "iowait"):
        return None
    by_core = enumerate(psutil.cpu_times(percpu=True))
    return float(sum(times.idle + times.iowait for core, times in by_core if core in cores))


def cpu_seconds(pid: int) -> float | None:
    """Processor time of a process and all below it; None where it is gone.

    To the nanosecond, summed over threads, where Linux keeps that; else utime + stime, 10 ms apart.
    """
    seconds = 0.0
    try:
        for process in _tree(pid):
            threads, times = list(_scheduled_s(process.pid)), process.cpu_times()
            seconds += sum(ran for ran, _ in threads) if threads else times.user + times.system
    except psutil.Error:
        return None
    return seconds


def _tree(root: int) -> list[psutil.Process]:
    leader = psutil.Process(root)
    return [leader, *leader.children(recursive=True)]


def _scheduled_s(pid: int) -> Iterator[tuple[float, float]]:
    """How long every thread of a process ran, and how long it waited for a processor."""
    for file in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        with suppress(OSError):  # the thread has ended since
            ran, waited, _ = file.read_text("ascii").split()
            yield int(ran) / _NS, int(waited) / _NS


def this_machine() -> dict[str, Any]:
    """What a reader needs to judge the numbers, and nothing that names the machine."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text("utf-8").splitlines() if cpuinfo.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return {
        "processor": models[0] if models else platform.processor() or platform.machine(),
        "cores": len(available()) or os.cpu_count(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }
