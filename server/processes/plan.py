"""Owns the dyno plan: the number of workers for the memory and processors of a machine. Pure: reads no file."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

MIB = 1 << 20
UNLIMITED_BYTES = 1 << 40  # cgroup v1 writes "no limit" as a number beyond this
MEMORY_PER_WORKER_BYTES = 512 * MIB


@dataclass(frozen=True, slots=True)
class Box:
    """What the server may use. ``memory_bytes``: None without a limit; ``cpus``: may be a fraction."""

    memory_bytes: int | None
    cpus: float


@dataclass(frozen=True, slots=True)
class DynoPlan:
    """How the server uses its box. ``workers_from``: what decided ``workers``; ``--print-config`` shows all."""

    memory_bytes: int | None
    cpus: float
    workers: int
    workers_from: str
    ort_threads: int

    @property
    def core_each(self) -> bool:
        """Whether each worker has a core of its own, which it may then keep awake."""
        return self.workers <= self.cpus


def read_box(files: Mapping[str, str], processors: int) -> Box:
    """The box, from the text of cgroup files (v1 or v2) by name and the number of usable processors."""
    memory = _number(files.get("memory.max")) or _number(files.get("memory.limit_in_bytes"))
    if memory is not None and memory >= UNLIMITED_BYTES:
        memory = None
    quota = _quota(files)
    return Box(memory, min(processors, quota) if quota else float(processors))


def _quota(files: Mapping[str, str]) -> float | None:
    words = files.get("cpu.max", "").split()
    if len(words) != 2:
        words = [files.get("cpu.cfs_quota_us", ""), files.get("cpu.cfs_period_us", "")]
    quota, period = map(_number, words)
    return quota / period if quota and period else None


def _number(text: str | None) -> int | None:
    text = (text or "").strip()
    return int(text) if text.isdigit() else None


def make_plan(box: Box, asked_workers: int | None, ort_threads: int) -> DynoPlan:
    """Plans ``asked_workers``, else one worker per core and at most one per MEMORY_PER_WORKER_BYTES.

    A Standard-1X reports eight cores and has a share of about one: there memory decides.
    docs/decisions.md: "One worker on a small dyno".
    """
    if asked_workers is not None:
        return DynoPlan(box.memory_bytes, box.cpus, asked_workers, "WEB_CONCURRENCY", ort_threads)
    by_cpu = max(1, math.floor(box.cpus))
    by_memory = by_cpu if box.memory_bytes is None else max(1, box.memory_bytes // MEMORY_PER_WORKER_BYTES)
    reason = "cores" if by_cpu <= by_memory else "memory"
    return DynoPlan(box.memory_bytes, box.cpus, min(by_cpu, by_memory), reason, ort_threads)
