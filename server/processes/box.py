"""Owns where this process finds what its box allows, and when it looks again. Knows no workers.

A box may grow and shrink while it runs: Kubernetes resizes a pod in place, `docker update` a container.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from server.models.files import NO_DESCRIPTORS
from server.processes.plan import Box, read_box

ROOT = Path("/sys/fs/cgroup")
FILES = {
    "memory.max": "memory.max",
    "cpu.max": "cpu.max",
    "memory.limit_in_bytes": "memory/memory.limit_in_bytes",
    "cpu.cfs_quota_us": "cpu/cpu.cfs_quota_us",
    "cpu.cfs_period_us": "cpu/cpu.cfs_period_us",
}
LOOK_SECONDS = 5.0  # between two looks


def read_own_box() -> Box:
    """The box as it is now. Raises OSError for want of descriptors: any file that cannot be opened may set a limit."""
    texts: dict[str, str] = {}
    for name, path in FILES.items():
        try:
            texts[name] = (ROOT / path).read_text("ascii", "replace")
        except OSError as error:
            if error.errno in NO_DESCRIPTORS:
                raise
    return read_box(texts, len(os.sched_getaffinity(0)))


class BoxWatch:
    """Tells when the box has become another."""

    def __init__(self, box: Box, read: Callable[[], Box] = read_own_box) -> None:
        """``box``: as it was at first."""
        self._box = self._seen = box
        self._read = read
        self._next_look = 0.0

    def look(self, now: float) -> Box | None:
        """The box, if it is another and was the same at the look before: who sets limits sets one after the other."""
        if now < self._next_look:
            return None
        self._next_look = now + LOOK_SECONDS
        try:
            box = self._read()
        except OSError:
            return None
        before, self._seen = self._seen, box
        if self._seen == self._box or self._seen != before:
            return None
        self._box = self._seen
        return self._box
