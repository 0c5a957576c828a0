"""Owns what a process knows and changes of its own memory. Knows nothing of why it is limited."""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from server.confinement import kernel

STATM = Path("/proc/self/statm")
MAPS = Path("/proc/self/maps")
SMAPS = Path("/proc/self/smaps")
OOM_SCORE = Path("/proc/self/oom_score_adj")
LEAST_BYTES = 64 << 20  # that a process may grow by, however small its box
FILE_WORDS = 6  # of the line of a mapping that has a name: addresses, protection, offset, device, number, name
STACK_BYTES = 8 << 20  # of a thread, where the system sets no bound
_BOUND = threading.Lock()  # on what threads may use, while one moves it
PROTECTIONS = {"r": 1, "w": 2, "x": 4}


def memory_in_use() -> int:
    """Bytes of this process's address space."""
    return int(STATM.read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")


def be_killed_first() -> None:
    """Where memory runs out, the kernel should kill this process before those that serve."""
    with contextlib.suppress(OSError):
        OOM_SCORE.write_text("1000")


@contextlib.contextmanager
def resident() -> Iterator[Callable[[], tuple[int, int]]]:
    """Within the block, also behind walls: the bytes of this process that are in memory, now and at most so far."""
    if sys.platform != "linux":
        yield lambda: (0, 0)
        return
    with STATM.open("rb", buffering=0) as statm:

        def read() -> tuple[int, int]:
            pages = int(os.pread(statm.fileno(), 200, 0).split()[1])
            now = pages * os.sysconf("SC_PAGE_SIZE")
            return now, max(now, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10)

        yield read


def give_back() -> None:
    """Hands to the system what this process has freed and the allocator keeps; where that is glibc's."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def let_files_go() -> None:
    """Unmaps the pages of files, most of them code, that this process has read and not changed: a start reads much that
    serving does not. Whatever is read again comes back from the page cache."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            for start, end in unchanged_files(SMAPS.read_text()):
                kernel.forget_pages(start, end - start)


def unchanged_files(smaps: str) -> Iterator[tuple[int, int]]:
    """The start and end of each mapping of a file that cannot be written and of which no page is the process's own.

    ``smaps``: as the kernel tells it of a process.
    """
    addresses, is_file, own = "", False, 0
    for line in [*smaps.splitlines(), "0-0 ---p"]:
        words = line.split(maxsplit=5)
        if not words[0].endswith(":"):
            if is_file and own == 0:
                start, end = (int(address, 16) for address in addresses.split("-"))
                yield start, end
            addresses, own = words[0], 0
            is_file = words[1] in ("r--p", "r-xp") and len(words) == FILE_WORDS and words[5].startswith("/")
        elif words[0] in ("Anonymous:", "Swap:"):
            own += int(words[1])


def set_limit(what: int, most: int) -> None:
    """Lowers a soft limit of this process, at most to the hard one."""
    hard = resource.getrlimit(what)[1]
    soft = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(what, (soft, hard))


@contextlib.contextmanager
def memory_limit(extra_bytes: int) -> Iterator[None]:
    """Limits this process to ``extra_bytes`` more memory within the block."""
    if sys.platform != "linux":
        yield
        return
    before = resource.getrlimit(resource.RLIMIT_AS)
    set_limit(resource.RLIMIT_AS, memory_in_use() + extra_bytes)
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def leave_some(of_bytes: int | None) -> None:
    """Bounds the private memory of this process for good: it gets three quarters of what it may grow by in all.

    ``of_bytes``: what all processes may use; None: the machine's. What asks for more gets none, instead of the kernel
    ending a process. docs/decisions.md: "A run gets no more memory than the box has".
    """
    if sys.platform != "linux":
        return
    page = os.sysconf("SC_PAGE_SIZE")
    held = int(STATM.read_text().split()[5]) * page
    whole = os.sysconf("SC_PHYS_PAGES") * page if of_bytes is None else of_bytes
    set_limit(resource.RLIMIT_DATA, held + max((whole - held) * 3 // 4, LEAST_BYTES))


def count_stacks(threads: int) -> None:
    """Moves the bound of `leave_some`, where there is one, by the stacks of so many threads that begin; below 0: end.

    Linux counts the whole of a stack, of which a thread touches a hundredth.
    """
    if sys.platform != "linux":
        return
    with _BOUND:
        soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
        if soft != resource.RLIM_INFINITY and hard == resource.RLIM_INFINITY:  # else somebody else's bound stands
            stack = resource.getrlimit(resource.RLIMIT_STACK)[0]
            moved = soft + threads * (STACK_BYTES if stack == resource.RLIM_INFINITY else stack)
            resource.setrlimit(resource.RLIMIT_DATA, (moved, hard))


def forget_shared() -> None:
    """Puts zeros of its own where this process could write what its parent sees. Raises OSError."""
    for line in MAPS.read_text().splitlines():
        addresses, protection = line.split(maxsplit=2)[:2]
        if protection[1] == "w" and protection[3] == "s":
            start, end = (int(address, 16) for address in addresses.split("-"))
            kernel.map_privately(start, end - start, sum(PROTECTIONS.get(letter, 0) for letter in protection[:3]))
