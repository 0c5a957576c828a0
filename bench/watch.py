"""Owns what a running server uses: memory and processor time of its whole process tree. Knows nothing of requests."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import numpy as np
import psutil

_EVERY_S = 1.0  # a look takes some milliseconds of the generator's core
_MB = 1e6


@dataclass(slots=True)
class Usage:
    """What was seen. ``pss_mb`` in MB (10^6 bytes): shared pages counted once over the tree; one entry a look."""

    at: list[float] = field(default_factory=list)  # seconds on the monotonic clock
    pss_mb: list[float] = field(default_factory=list)
    cpu_s: list[float] = field(default_factory=list)  # user + system of the tree since its start

    @property
    def peak_mb(self) -> float | None:
        """The most memory seen at a look."""
        return max(self.pss_mb, default=None)

    def cpu_part(self, begin: float, end: float) -> float | None:
        """Mean use of the processor between two moments on the monotonic clock, 1.0 being one core."""
        if len(self.at) < 2 or end <= begin:
            return None
        used = np.interp([begin, end], self.at, self.cpu_s)
        return float(used[1] - used[0]) / (end - begin)


class Watch:
    """Looks once a second, from a thread, while its block lasts."""

    def __init__(self, pid: int) -> None:
        self.usage = Usage()
        self._root = psutil.Process(pid)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look_until_over, name="watch", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._over.set()
        self._thread.join()
        self._look()

    def _look_until_over(self) -> None:
        self._look()
        while not self._over.wait(_EVERY_S):
            self._look()

    def _look(self) -> None:
        pss = cpu = 0.0
        try:
            tree = [self._root, *self._root.children(recursive=True)]
        except psutil.NoSuchProcess:
            return
        for process in tree:
            try:
                pss += process.memory_full_info().pss
                times = process.cpu_times()
            except (psutil.NoSuchProcess, psutil.ZombieProcess):
                continue  # it ended between the listing and the look
            cpu += times.user + times.system
        self.usage.at.append(time.perf_counter())
        self.usage.pss_mb.append(pss / _MB)
        self.usage.cpu_s.append(cpu)
