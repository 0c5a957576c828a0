"""Owns a forked child that works behind walls and sends its result over a pipe. Knows nothing of models or HTTP.

The result is no exit status, which gunicorn's arbiter may reap first; the status only shows how a child ended.
"""

from __future__ import annotations

import contextlib
import gc
import os
import resource
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic, sleep
from typing import Generic, TypeVar

from server.confinement.memory import be_killed_first, memory_in_use, set_limit
from server.confinement.walls import confine

MOST_RECEIVED_BYTES = 4 << 20  # of a child's result, which is some numbers or a sentence
LAST_SECONDS, LOOK_SECONDS = 1.0, 0.002  # for a child that has closed its pipe to exit; between two looks at it
LEAST_STACK, STACK_SHARE = 1 << 20, 4  # what opens a file here must do so in its parent, which may stand deeper
UNKNOWN = 0  # the status of a child that was reaped elsewhere: as if it had exited
Content = TypeVar("Content")  # what is read before the walls go up
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


class ConfinedChild(Generic[Content]):
    """A child that reads with its parent's rights, then runs ``work`` on that behind walls and sends the bytes it
    returns. Forked at once; `collect` does not wait for ``work``. ``missing`` has a sentence for each wall that this
    system lacks, once the result is there. Raises OSError if no process can be started."""

    def __init__(self, read: Callable[[], Content], work: Callable[[Content], bytes], limits: Limits) -> None:
        self.missing: tuple[str, ...] = ()
        self._limits = limits
        self._received = b""
        self._status: int | None = None
        self._ends = monotonic() + limits.wall_seconds
        self._pipe, writer = os.pipe()
        try:
            os.set_blocking(self._pipe, False)
            self._pid = _fork(lambda: _work(read, work, limits, writer))
        except OSError:
            os.close(self._pipe)
            raise
        finally:
            os.close(writer)

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
                if len(self._received) > MOST_RECEIVED_BYTES:
                    self.kill()
                    raise Died(f"sent more than {MOST_RECEIVED_BYTES >> 20} MB")
        except BlockingIOError:
            return None
        status = self._reap()
        missing, _, result = self._received.partition(b"\n")  # the first line came before the work began
        self.missing = tuple(missing.decode(errors="replace").split("; ")) if missing else ()
        if not result.endswith(b"\n"):
            raise Died(self._cause(status))
        return result[:-1]

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
        """The status of a child that exits or was killed; one that closed its pipe and goes on is killed."""
        os.close(self._pipe)
        ends = monotonic() + LAST_SECONDS
        while self._status is None and monotonic() < ends:
            self.note_exit()
            if self._status is None:
                sleep(LOOK_SECONDS)
        if self._status is None:
            os.kill(self._pid, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(self._pid, 0)
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


def _fork(child: Callable[[], None]) -> int:
    """The id of a process that runs ``child``, which must exit. Raises OSError, and then signals come as before."""
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, PARENT_SIGNALS)
    try:
        pid = os.fork()
        if not pid:
            child()
        return pid
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)


def _work(read: Callable[[], Content], work: Callable[[Content], bytes], limits: Limits, writer: int) -> None:
    """Everything the child does; it exits here, and never returns into its parent's code."""
    try:
        _let_go(writer)
        _limit(limits)
        content = read()
        _send(writer, "; ".join(confine()).encode() + b"\n")
        _send(writer, work(content) + b"\n")
    finally:
        os._exit(0)


def _send(writer: int, rest: bytes) -> None:
    while rest:
        rest = rest[os.write(writer, rest) :]


def _let_go(writer: int) -> None:
    """Of everything that is the parent's: its handlers of signals and its descriptors, but for the pipe."""
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


def _limit(limits: Limits) -> None:
    set_limit(resource.RLIMIT_CORE, 0)
    set_limit(resource.RLIMIT_FSIZE, 0)
    set_limit(resource.RLIMIT_CPU, limits.cpu_seconds)
    _leave_stack()
    if sys.platform == "linux":
        set_limit(resource.RLIMIT_AS, memory_in_use() + limits.memory_bytes)
        be_killed_first()


def _leave_stack() -> None:
    """Takes a quarter of the stack away: ONNX Runtime goes down a tree by recursion, and where that ends by a crash it
    ends the child, not the parent that opens the file after it."""
    stack = resource.getrlimit(resource.RLIMIT_STACK)[0]
    if stack != resource.RLIM_INFINITY and stack > LEAST_STACK * STACK_SHARE:
        set_limit(resource.RLIMIT_STACK, stack - stack // STACK_SHARE)
