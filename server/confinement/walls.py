"""Owns the order in which the walls go up round this process, and what is said where one is missing.

Knows nothing of what the process will open. docs/decisions.md: "What is not allowed is refused".
"""

from __future__ import annotations

import contextlib
import os
import platform
import re
import resource
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from server.confinement import interpreter, kernel, landlock, memory, seccomp
from server.confinement.syscalls import Machine, this_machine

DIE_WITH_PARENT, GET_DUMPABLE, SET_DUMPABLE, NO_NEW_PRIVILEGES = 1, 3, 4, 38  # of prctl
NEW_USER, NEW_NETWORK = 0x10000000, 0x40000000
THREADS = Path("/proc/self/task")
MOST_THREADS = 1024  # libraries start one for each processor at most
COUNTS_BY_NAMESPACE = (5, 14)  # the kernel from which on a user namespace counts its own threads alone


def confine(readable: Iterable[Path] = (), listable: Iterable[Path] = ()) -> tuple[str, ...]:
    """Puts up all walls that this system has round this process, for good; answers a sentence for each it has not.

    Afterwards the process reads Python, its packages and what lies beneath ``readable``, and the names in ``listable``
    folders; writes only to what is open already; has no network, and no terminal, session or capability of its
    parent's; starts threads, but no process; and ends with its parent. To be called before a second thread runs. A
    kernel without Landlock lacks nothing that is named.
    """
    machine = this_machine()
    if machine is None:
        return (f"no filter of system calls is known for {sys.platform} on {platform.machine()}",)
    readable = [*interpreter.paths_it_reads(), *readable]
    with contextlib.suppress(OSError):  # it leads a session already
        os.setsid()
    _leave_network()
    walls: tuple[tuple[str, Callable[[], None]], ...] = (
        ("memory shared with the parent", memory.forget_shared),
        ("the capabilities", kernel.drop_capabilities),
        ("the end with its parent", lambda: _set(DIE_WITH_PARENT, signal.SIGKILL)),
        ("the refusal of new privileges", lambda: _set(NO_NEW_PRIVILEGES, 1)),
        ("memory that is dumped nowhere", lambda: _set(SET_DUMPABLE, 0)),  # nor handed to a program that collects dumps
        ("the rules of what may be read (Landlock)", lambda: _restrict_reading(machine, readable, listable)),
        ("the filter of system calls (seccomp)", lambda: seccomp.install(machine, os.getpid())),
    )
    return tuple(filter(None, (_build(name, wall) for name, wall in walls)))


@contextlib.contextmanager
def untraceable() -> Iterator[None]:
    """Within the block no process without privileges may look into this one, not even the same user's.

    For kernels that have neither Landlock nor user namespaces, which refuse it to a confined process anyway.
    """
    if sys.platform != "linux":
        yield
        return
    before = kernel.prctl(GET_DUMPABLE)
    _set(SET_DUMPABLE, 0)
    try:
        yield
    finally:
        _set(SET_DUMPABLE, int(before == 1))  # 2, of set-user-id programs, cannot be set


def traceable() -> None:
    """A process that was forked of one that is `untraceable` may be looked into, as any of its user's."""
    if sys.platform == "linux":
        _set(SET_DUMPABLE, 1)


def _build(name: str, wall: Callable[[], None]) -> str:
    try:
        wall()
    except OSError as error:
        return f"{name} could not be set up: {error.strerror or error}"
    return ""


def _set(option: int, value: int) -> None:
    kernel.prctl(option, value)


def _leave_network() -> None:
    """Into an empty network where that may be had; the filter refuses every socket anyway."""
    for flags in (NEW_USER | NEW_NETWORK, NEW_NETWORK):
        with contextlib.suppress(OSError):
            kernel.unshare(flags)
            if flags & NEW_USER and _kernel_version() >= COUNTS_BY_NAMESPACE:
                memory.set_limit(resource.RLIMIT_NPROC, MOST_THREADS)  # root is exempt
            return


def _kernel_version() -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", os.uname().release)[:2])


def _restrict_reading(machine: Machine, readable: Iterable[Path], listable: Iterable[Path]) -> None:
    version = landlock.abi(machine)
    if not version:
        return
    if len(list(THREADS.iterdir())) > 1:
        raise OSError("a second thread runs already, which it would not bind")
    landlock.restrict(machine, version, readable, listable)
