"""Why a child has died, asked before it is reaped."""

from __future__ import annotations

import os
import resource
import signal

import pytest

from server.processes.exits import crash_of


@pytest.mark.parametrize(
    ("number", "crash"), [(signal.SIGSEGV, True), (signal.SIGABRT, True), (signal.SIGKILL, False), (0, False)]
)
def test_only_a_signal_that_a_fault_sends_is_a_crash_and_it_stays_to_be_reaped(number: int, crash: bool) -> None:
    child = os.fork()
    if not child:
        if number:
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            signal.signal(number, signal.SIG_DFL) if number != signal.SIGKILL else None
            os.kill(os.getpid(), number)
        os._exit(0)
    os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
    assert crash_of(child) == (number if crash else None)
    assert os.waitpid(child, 0)[0] == child
    assert crash_of(child) is None
