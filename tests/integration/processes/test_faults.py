"""Faults of the machine round the processes, each followed by the three checks of `unharmed`."""

from __future__ import annotations

import os
import signal

import pytest

from tests.integration.conftest import Start
from tests.support.integration.running import Running, poll
from tests.support.integration.unharmed import unharmed


def kill(server: Running, number: signal.Signals = signal.SIGKILL) -> None:
    """Kills a worker, and returns once it is gone."""
    victim = server.workers()[0]
    os.kill(victim, number)
    poll(lambda: victim not in server.workers(), "the worker is gone", 5)


def test_the_checks_after_a_fault_notice_a_worker_that_died(start: Start) -> None:
    """The control: without it `unharmed` might say so of anything."""
    server = start(WEB_CONCURRENCY="2")
    with unharmed(server):
        pass
    with pytest.raises(AssertionError, match="other workers"), unharmed(server):
        kill(server)
    with unharmed(server, kills=1):
        kill(server)
