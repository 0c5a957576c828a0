"""Owns what machine this is, and which of its cores serve and which generate load. Linux only, else unpinned."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Cores:
    """Core numbers; an empty set means not pinned. ``spin`` says whether the generator may keep its core busy."""

    server: frozenset[int]
    generator: frozenset[int]
    spin: bool
    said: str


def split(available: frozenset[int], for_server: int = 1) -> Cores:
    """The first ``for_server`` cores serve, the rest generate; with a single core both share it."""
    ordered = sorted(available)
    if len(ordered) < 2:
        said = "one core for server and generator: latencies hold the generator's own time, 1 ms resolution"
        return Cores(frozenset(), frozenset(), spin=False, said=said)
    cut = max(1, min(for_server, len(ordered) - 1))
    server, generator = frozenset(ordered[:cut]), frozenset(ordered[cut:])
    return Cores(
        server, generator, spin=True, said=f"server on core {_names(server)}, generator on {_names(generator)}"
    )


def available() -> frozenset[int]:
    """The cores that this process may use; empty where the kernel cannot say."""
    if not hasattr(os, "sched_getaffinity"):
        return frozenset()
    return frozenset(os.sched_getaffinity(0))


def pin(pid: int, cores: frozenset[int]) -> None:
    """Keep a process that has just started, and all that it starts later, on ``cores``."""
    if cores:
        os.sched_setaffinity(pid, cores)


def _names(cores: frozenset[int]) -> str:
    return ",".join(str(core) for core in sorted(cores))


def this_machine() -> dict[str, Any]:
    """What a reader needs to judge the numbers, and nothing that names the machine."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text("utf-8").splitlines() if cpuinfo.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return {
        "processor": models[0] if models else platform.processor() or platform.machine(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }
