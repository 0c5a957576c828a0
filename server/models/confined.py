"""Owns a forked child that works under limits and sends its result over a pipe. Knows nothing of models or HTTP.

The result is no exit status, which gunicorn's arbiter may reap first; the status only shows how a child ended.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import resource
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

STATM = Path("/proc/self/statm")
OOM_SCORE = Path("/proc/self/oom_score_adj")
DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG
UNKNOWN = 0  # the status of a child that was reaped elsewhere: as if it had exited
# Restored to their defaults in the child: the parent's handlers queue them for its loop.
PARENT_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGCHLD, signal.SIGXCPU)


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of a child: bytes of memory beyond its parent's, processor seconds, seconds in all."""

    memory_bytes: int
    cpu_seconds: int
    wall_seconds: float


class Died(Exception):
    """The child sent no result; the message says how it ended, as the rest of a sentence."""


class SandboxedChild:
    """A child that runs ``work`` and sends the returned bytes. Forked at once; `collect` does not wait for ``work``."""

    def __init__(self, work: Callable[[], bytes], limits: Limits) -> None:
        self._limits = limits
        self._received = b""
        self._status: int | None = None
        self._ends = monotonic() + limits.wall_seconds
        self._pipe, writer = os.pipe()
        os.set_blocking(self._pipe, False)
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, PARENT_SIGNALS)
        self._pid = os.fork()
        if not self._pid:
            _work(work, limits, writer)
        os.close(writer)
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)

    def fileno(self) -> int:
        """The pipe, readable once `collect` can go on."""
        return self._pipe

    def collect(self) -> bytes | None:
        """The result, None while there is none; not to be called again after that. Raises Died."""
        if monotonic() > self._ends:
            self.kill()
            raise Died(f"did not end within {self._limits.wall_seconds:.0f} s")
        try:
            while piece := os.read(self._pipe, 1 << 16):
                self._received += piece
        except BlockingIOError:
            return None
        status = self._reap()
        if self._received.endswith(b"\n"):
            return self._received[:-1]
        raise Died(self._cause(status))

    def note_exit(self) -> None:
        """Keeps the child's status, before gunicorn reaps every child and drops it."""
        if self._status is None:
            try:
                pid, status = os.waitpid(self._pid, os.WNOHANG)
            except ChildProcessError:
                self._status = UNKNOWN
            else:
                self._status = status if pid else None

    def kill(self) -> None:
        """Kills the child and reaps it."""
        self.note_exit()
        if self._status is None:
            os.kill(self._pid, signal.SIGKILL)
        self._reap()

    def _reap(self) -> int:
        os.close(self._pipe)
        try:
            self._status = os.waitpid(self._pid, 0)[1] if self._status is None else self._status
        except ChildProcessError:
            self._status = UNKNOWN
        return self._status

    def _cause(self, status: int) -> str:
        if not os.WIFSIGNALED(status):
            return "ended without a result"
        number = os.WTERMSIG(status)
        if number == signal.SIGXCPU:
            return f"took more than {self._limits.cpu_seconds} s of processor time"
        if number == signal.SIGKILL:
            return "was killed, which a system does that runs out of memory"
        return f"crashed ({signal.Signals(number).name})"


def _work(work: Callable[[], bytes], limits: Limits, writer: int) -> None:
    """Everything the child does; it exits here, and never returns into its parent's code."""
    try:
        _confine(limits, writer)
        result = work() + b"\n"
        while result:
            result = result[os.write(writer, result) :]
    finally:
        os._exit(0)


def _confine(limits: Limits, writer: int) -> None:
    gc.disable()  # a collection would copy the parent's pages
    signal.set_wakeup_fd(-1)
    for number in PARENT_SIGNALS:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, PARENT_SIGNALS)
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in range(3):
        os.dup2(nothing, standard)
    os.closerange(3, writer)  # listeners among them
    os.closerange(writer + 1, os.sysconf("SC_OPEN_MAX"))
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_CPU, limits.cpu_seconds)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(DIE_WITH_PARENT, signal.SIGKILL)
        _limit(resource.RLIMIT_AS, memory_in_use() + limits.memory_bytes)
        with contextlib.suppress(OSError):
            OOM_SCORE.write_text("1000")  # the kernel should kill this process before a worker


def _limit(what: int, most: int) -> None:
    hard = resource.getrlimit(what)[1]
    soft = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(what, (soft, hard))


def memory_in_use() -> int:
    """Bytes of this process's address space."""
    return int(STATM.read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")


@contextlib.contextmanager
def memory_limit(extra_bytes: int) -> Iterator[None]:
    """Limits this process to ``extra_bytes`` more memory within the block: opening is limited as the trial was."""
    if sys.platform != "linux":
        yield
        return
    before = resource.getrlimit(resource.RLIMIT_AS)
    _limit(resource.RLIMIT_AS, memory_in_use() + extra_bytes)
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)
