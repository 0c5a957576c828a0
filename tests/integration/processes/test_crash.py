"""Workers that die before they serve are replaced, but at most one per second."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from tests.support.integration.running import Running, poll

BROKEN = """
import sys
from server.processes import worker

def fail(self):
    raise RuntimeError("broken before it serves")

worker.Worker.run = fail
from server.__main__ import main
sys.argv[1:] = []
sys.exit(main())
"""


def test_workers_that_die_at_once_are_tried_again_once_a_second(models: Path, tmp_path: Path) -> None:
    launcher = tmp_path / "broken.py"
    launcher.write_text(BROKEN)
    settings = {"DYNONNX_MODELS": str(models), "WEB_CONCURRENCY": "1"}
    server = Running(settings, tmp_path / "server.log", (sys.executable, str(launcher)))
    try:
        poll(lambda: server.read_log().count("broken before it serves") > 0, "the first worker has died")
        first, began = deaths(server), time.monotonic()
        poll(lambda: deaths(server) >= first + 2, "two more have")
        assert time.monotonic() - began > 1.0
        assert server.process.poll() is None
    finally:
        server.stop()


def deaths(server: Running) -> int:
    return server.read_log().count("RuntimeError: broken before it serves")
