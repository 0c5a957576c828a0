"""Owns how connections and processor time fall on the workers of one server, as the kernel tells. Knows no load."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

import psutil

from bench.machine.watch import cpu_seconds

Parts = Mapping[int, float]  # by the process of each worker


def workers_of(arbiter: int) -> list[int]:
    """The processes below an arbiter."""
    return [child.pid for child in psutil.Process(arbiter).children()]


def connections_of(arbiter: int, port: int) -> Parts:
    """How many connections each worker holds that came in at ``port``."""
    parts: dict[int, float] = {}
    for pid in workers_of(arbiter):
        with suppress(psutil.Error):  # it has ended since, or nobody may look
            every = psutil.Process(pid).net_connections("tcp")
            parts[pid] = sum(each.status == psutil.CONN_ESTABLISHED and each.laddr.port == port for each in every)
    return parts


def processor_seconds_of(arbiter: int) -> Parts:
    """How long each worker has run so far."""
    return {pid: seconds for pid in workers_of(arbiter) if (seconds := cpu_seconds(pid)) is not None}


def gained(before: Parts, after: Parts) -> Parts:
    """What each worker that was there at both looks has more."""
    return {pid: after[pid] - before[pid] for pid in after if pid in before}


def largest_share(parts: Parts, workers: int) -> float | None:
    """The largest part as a multiple of what each of so many workers would have; None where there is nothing."""
    total = sum(parts.values())
    return max(parts.values()) * workers / total if total else None
