"""Owns a dyno's memory against its quota, as Heroku counts it. Knows nothing of requests.

Heroku logs R14 once a sample period while resident memory, swap and cache are above the quota, and goes on; it logs R15
and kills once resident memory and swap are above the kill level. There is no swap here, so going on costs no time.
"""

from __future__ import annotations

import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from bench.dyno.dyno import Dyno
from bench.machine.processes import Child
from bench.machine.watch import tree_of

SAMPLE_PERIOD_S = 20.0  # of Heroku's log-runtime-metrics
_LOOK_EVERY_S = 0.5  # oftener than Heroku, so that a short run does not miss what a long one would see
_MIB = 1 << 20


@dataclass(slots=True)
class Judge:
    """Decides by one look after another. Memory in bytes; ``codes`` counts what Heroku would log."""

    quota: int
    kill: int
    codes: Counter[str]
    _next_r14: float = field(default=float("-inf"))

    def must_kill(self, at_s: float, resident: int, cache: int, oom_kills: int = 0) -> bool:
        """``resident`` is rss and swap. Counts R14 or R15; True for the latter."""
        if resident > self.kill or oom_kills:
            self.codes["R15"] += 1
            return True
        if resident + cache > self.quota and at_s >= self._next_r14:
            self.codes["R14"] += 1
            self._next_r14 = at_s + SAMPLE_PERIOD_S
        return False


@contextmanager
def guarding(dyno: Dyno | None, child: Child, codes: Counter[str]) -> Iterator[None]:
    """Hold the processes of ``child`` to the dyno's memory while the block lasts; does nothing without a dyno."""
    if dyno is None:
        yield
        return
    judge, over = Judge(dyno.size.memory_mib * _MIB, dyno.size.kill_mib * _MIB, codes), threading.Event()
    thread = threading.Thread(target=_guard, args=(dyno, child, judge, over), name="quota", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _guard(dyno: Dyno, child: Child, judge: Judge, over: threading.Event) -> None:
    while not over.wait(_LOOK_EVERY_S):
        resident, cache, oom_kills = _memory(dyno, child)
        if judge.must_kill(time.monotonic(), resident, cache, oom_kills):
            child.signal(signal.SIGKILL)
            return


def _memory(dyno: Dyno, child: Child) -> tuple[int, int, int]:
    """Resident (with swap), cache, and how often the kernel killed; by the processes where there is no group."""
    said = dyno.readings()
    if said.rss is None:
        return int(tree_of(child.pid)[0]), 0, 0
    return said.rss + (said.swap or 0), said.cache or 0, said.oom_kills or 0
