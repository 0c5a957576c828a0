"""Owns a forked child that works under limits and tells its result over a pipe. Knows nothing of models or HTTP.

The result never travels as an exit status, which gunicorn's arbiter reaps first; the status only says how a child died.
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
UNKNOWN = 0  # the status of a child that somebody else has reaped: as if it had ended by itself
# Restored in the child, whose parent queues them for a loop that the child does not have.
PARENT_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGCHLD, signal.SIGXCPU)


@dataclass(frozen=True, slots=True)
class Limits:
    """What a child may take: bytes of memory beyond its parent's, seconds of processor time, seconds in all."""

    memory_bytes: int
    cpu_seconds: int
    wall_seconds: float


class Died(Exception):
    """The child gave no result; the message says how it ended, as the rest of a sentence."""


class SandboxedChild:
    """A child that runs ``work`` and sends the bytes it gives. Forked at once; never waited for unless asked."""

    def __init__(self, work: Callable[[], bytes], limits: Limits) -> None:
        self._limits = limits
        self._got = b""
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
        """Readable once there is something to collect."""
        return self._pipe

    def collect(self) -> bytes | None:
        """The result, or None while there is none yet; then never again. Raises Died."""
        if monotonic() > self._ends:
            self.kill()
            raise Died(f"did not end within {self._limits.wall_seconds:.0f} s")
        try:
            while piece := os.read(self._pipe, 1 << 16):
                self._got += piece
        except BlockingIOError:
            return None
        status = self._bury()
        if self._got.endswith(b"\n"):
            return self._got[:-1]
        raise Died(self._cause(status))

    def note_exit(self) -> None:
        """Keeps how the child died, before somebody who reaps every child takes it for nothing."""
        if self._status is None:
            try:
                pid, status = os.waitpid(self._pid, os.WNOHANG)
            except ChildProcessError:
                self._status = UNKNOWN
            else:
                self._status = status if pid else None

    def kill(self) -> None:
        """Ends the child at once."""
        self.note_exit()
        if self._status is None:
            os.kill(self._pid, signal.SIGKILL)
        self._bury()

    def _bury(self) -> int:
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
    """The child's whole life. Whatever happens, nothing of its parent's code runs on in it."""
    try:
        _confine(limits, writer)
        result = work() + b"\n"
        while result:
            result = result[os.write(writer, result) :]
    finally:
        os._exit(0)


def _confine(limits: Limits, writer: int) -> None:
    gc.disable()  # a collector that touched what the parent made would copy it
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
            OOM_SCORE.write_text("1000")  # rather this one than a worker


def _limit(what: int, most: int) -> None:
    hard = resource.getrlimit(what)[1]
    soft = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(what, (soft, hard))


def memory_in_use() -> int:
    """Bytes of address space that this process has taken."""
    return int(STATM.read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")


@contextlib.contextmanager
def memory_limit(extra_bytes: int) -> Iterator[None]:
    """Lets this process itself take only so much more memory meanwhile: what a trial could not take, nor shall it."""
    if sys.platform != "linux":
        yield
        return
    before = resource.getrlimit(resource.RLIMIT_AS)
    _limit(resource.RLIMIT_AS, memory_in_use() + extra_bytes)
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)
