"""Workers that die before they serve are replaced, but at most one per second, and end nothing."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from tests.integration.conftest import Start
from tests.support.integration.running import Running, altered, poll
from tests.support.integration.unharmed import unharmed

BROKEN = """
from server.processes import worker

def fail(self):
    raise RuntimeError("broken before it serves")

worker.Worker.run = fail
"""


@pytest.mark.fault(42)
def test_workers_that_die_at_once_are_tried_again_once_a_second(models: Path, tmp_path: Path) -> None:
    settings = {"DYNONNX_MODELS": str(models), "WEB_CONCURRENCY": "1"}
    server = Running(settings, tmp_path / "server.log", altered(BROKEN))
    try:
        poll(lambda: server.read_log().count("broken before it serves") > 0, "the first worker has died")
        began, first = time.monotonic(), deaths(server)
        poll(lambda: deaths(server) >= first + 3, "three more have, two seconds apart unless one was slow to begin")
        assert time.monotonic() - began > 1.0
        assert server.process.poll() is None
    finally:
        server.stop()


def deaths(server: Running) -> int:
    return server.read_log().count("RuntimeError: broken before it serves")


UNBOOTABLE = """
import errno, os, sys
from server.processes import worker

FLAG = sys.argv[1]
boot = worker.Worker.init_process

def init_process(self):
    if os.path.exists(FLAG):
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
    boot(self)

worker.Worker.init_process = init_process
"""


@pytest.mark.fault(42)
def test_a_new_worker_that_cannot_boot_does_not_end_the_server(start: Start, tmp_path: Path) -> None:
    """For instance for want of descriptors; gunicorn itself would halt."""
    flag = tmp_path / "flag"
    server = start(*altered(UNBOOTABLE, str(flag)), WEB_CONCURRENCY="2")
    with unharmed(server, kills=1):
        flag.touch()
        os.kill(server.workers()[0], signal.SIGKILL)
        poll(lambda: "exited with code 3" in server.read_log(), "a new worker could not boot")
        assert server.ask("GET", "/health").status == 200
        flag.unlink()
        poll(lambda: len(server.workers()) == 2, "another one can")
