"""Owns what a process measures of itself: memory, processor time, how long its loop wanted a processor. Knows no HTTP.

What the kernel does not tell is 0.
"""

from __future__ import annotations

import os
import re
import time
from pathlib import Path
from typing import NamedTuple

PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class Memory(NamedTuple):
    """Bytes: of the address space; in memory; in memory, what is shared divided by who shares it. Open descriptors."""

    virtual: int
    resident: int
    proportional: int
    descriptors: int


class Wanted(NamedTuple):
    """Seconds since the process began: its processor time; how long the calling thread ran or waited to run."""

    processor: float
    thread: float


def read_memory(proc: Path = Path("/proc/self")) -> Memory:
    """What this process holds. Takes the kernel some milliseconds."""
    sizes = _read(proc / "statm").split()
    virtual, resident = (int(size) * PAGE_BYTES for size in sizes[:2]) if len(sizes) > 1 else (0, 0)
    found = re.search(r"^Pss:\s+(\d+) kB", _read(proc / "smaps_rollup"), re.MULTILINE)
    try:
        descriptors = sum(1 for _ in (proc / "fd").iterdir())
    except OSError:
        descriptors = 0
    return Memory(virtual, resident, int(found[1]) * 1024 if found else resident, descriptors)


def read_wanted(schedstat: Path = Path("/proc/thread-self/schedstat")) -> Wanted:
    """How much processor was wanted so far.

    A thread that waits for its share of a processor is as busy as one that runs: on a small share both are told.
    """
    numbers = _read(schedstat).split()
    thread = sum(map(int, numbers[:2])) / 1e9 if len(numbers) > 1 else 0.0
    return Wanted(time.process_time(), thread or time.thread_time())


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
