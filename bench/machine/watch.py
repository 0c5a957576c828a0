"""Owns what running servers and the machine do meanwhile: memory, processor time, idle cores. Knows no requests."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Self

import numpy as np
import psutil

from bench.machine.cores import Cores

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


class Watch:
    """Looks once a second, from a thread, while its block lasts."""

    def __init__(self, servers: Sequence[int], router: int | None, cores: Cores) -> None:
        self.usage = Usage()
        self._servers, self._router, self._cores = servers, router, cores
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look_until_over, name="watch", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        self._look()

    def _look_until_over(self) -> None:
        self._look()
        while not self._over.wait(_EVERY_S):
            self._look()

    def _look(self) -> None:
        usage, trees = self.usage, [tree_of(pid) for pid in self._servers]
        usage.at.append(time.perf_counter())
        usage.pss_mb.append(max((pss for pss, _ in trees), default=0.0) / _MB)
        usage.cpu_s.append(sum(cpu for _, cpu in trees))
        if self._router is not None:
            usage.router_s.append(cpu_seconds(self._router) or 0.0)
            usage.router_waited_s.append(sum(waited for _, waited in _scheduled_s(self._router)))
        for seconds, cores in (
            (usage.server_idle_s, self._cores.server),
            (usage.generator_idle_s, self._cores.generator),
        ):
            if (idle := idle_s(cores)) is not None:
                seconds.append(idle)


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
