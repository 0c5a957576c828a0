"""Owns why a child has died, asked before it is reaped. Knows no workers."""

from __future__ import annotations

import os
import signal

# Of these a run may be the cause; SIGKILL is sent by operators, and by a kernel without memory to any process.
CRASH_SIGNALS = frozenset({signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGABRT, signal.SIGSYS})


def crash_of(pid: int) -> int | None:
    """The signal by which a child has crashed that is not reaped yet; it stays so."""
    try:
        status = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return None
    died = status is not None and status.si_code in (os.CLD_KILLED, os.CLD_DUMPED)
    return status.si_status if status is not None and died and status.si_status in CRASH_SIGNALS else None
