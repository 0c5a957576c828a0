"""Owns what machine this is, and which of its cores serve and which generate load. Linux only, else unpinned."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Cores:
    """Core numbers; an empty set means not pinned."""

    server: frozenset[int] = frozenset()
    generator: frozenset[int] = frozenset()

    @property
    def spin(self) -> bool:
        """Whether the generator may keep its core busy."""
        return bool(self.generator)

    @property
    def said(self) -> str:
        """How the cores are shared out, for the report."""
        if not self.spin:
            return "one core for server and generator: latencies hold the generator's own time, 1 ms resolution"
        server, generator = (",".join(map(str, sorted(cores))) for cores in (self.server, self.generator))
        return f"server on core {server}, generator on {generator}"


def split(available: frozenset[int], for_server: int = 1) -> Cores:
    """The first ``for_server`` cores serve, the rest generate; with a single core both share it."""
    ordered = sorted(available)
    cut = max(1, min(for_server, len(ordered) - 1))
    return Cores(frozenset(ordered[:cut]), frozenset(ordered[cut:])) if len(ordered) > 1 else Cores()


def available() -> frozenset[int]:
    """The cores that this process may use; empty where the kernel cannot say."""
    return frozenset(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else frozenset()


def pin(pid: int, cores: frozenset[int]) -> None:
    """Keep a process that has just started, and all that it starts later, on ``cores``."""
    if cores:
        os.sched_setaffinity(pid, cores)


def this_machine() -> dict[str, Any]:
    """What a reader needs to judge the numbers, and nothing that names the machine."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text("utf-8").splitlines() if cpuinfo.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return {
        "processor": models[0] if models else platform.processor() or platform.machine(),
        "cores": len(available()) or os.cpu_count(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }
