"""Owns the run of `fetch` before a server starts: a process of its own, of which the server's holds nothing after."""

from __future__ import annotations

import signal
import subprocess
import sys


def fetch_apart() -> int:
    """Runs `python -m server fetch`; its exit status.

    A SIGTERM ends both: as the first process of a container this one would otherwise not even notice.
    """
    child = subprocess.Popen([sys.executable, "-m", "server", "fetch"])
    before = signal.signal(signal.SIGTERM, lambda *_: child.terminate())
    try:
        status = child.wait()
    finally:
        signal.signal(signal.SIGTERM, before)
    return status if status >= 0 else 128 - status
