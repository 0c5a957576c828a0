"""A worker whose loop hangs is replaced, and does not delay a stop."""

from __future__ import annotations

import os
import signal
import time

import pytest

from tests.integration.conftest import Report, Start
from tests.support.integration.running import STOP_SECONDS, poll

SILENT_SECONDS = 45.0  # the arbiter's patience, and a look at its workers every second
ROW = b'{"features":[5.1,3.5,1.4,0.2]}'


@pytest.mark.fault(42)
@pytest.mark.slow
def test_a_stopped_worker_is_replaced(start: Start, report: Report) -> None:
    server = start(WEB_CONCURRENCY="2")
    victim = server.workers()[0]
    os.kill(victim, signal.SIGSTOP)
    seconds = poll(lambda: len(set(server.workers()) - {victim}) == 2, "the worker is replaced", SILENT_SECONDS)
    assert victim not in server.workers()
    assert server.ask("POST", "/predict", ROW).status == 200
    report(f"a worker that hangs is replaced after {seconds:.0f} s")


@pytest.mark.fault(44)
@pytest.mark.slow
def test_a_stopped_worker_does_not_hold_up_the_end(start: Start, report: Report) -> None:
    server = start(WEB_CONCURRENCY="2")
    os.kill(server.workers()[0], signal.SIGSTOP)
    began = time.monotonic()
    server.signal_all(signal.SIGTERM)
    assert server.process.wait(STOP_SECONDS) == 0
    report(f"SIGTERM with a worker that hangs: gone in {time.monotonic() - began:.0f} s")
