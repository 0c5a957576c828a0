"""Owns many requests against one server and the memory that it holds meanwhile, with the trend of that memory."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil

from tests.support.integration.running import Running
from tests.support.integration.wire import Wire

CONNECTIONS = 16
IN_ONE_SEGMENT = 16
CHUNKS = 60  # looks at the memory in one soak
NORMAL_95 = 1.96


@dataclass(frozen=True, slots=True)
class Ask:
    """A request and the status of its answer."""

    data: bytes
    status: int


@dataclass(frozen=True, slots=True)
class Trend:
    """Memory over requests. ``growth``: bytes in all; ``slope``: bytes a request; ``most``: the same, 95 % certain."""

    growth: int
    slope: float
    most: float


async def ask_all(port: int, asks: Sequence[Ask], count: int) -> None:
    """Sends so many requests, in turn, over a few connections, several in a segment. Each must have its status."""

    async def run(start: int, share: int) -> None:
        wire = await Wire.open(port)
        for first in range(start, start + share, IN_ONE_SEGMENT):
            segment = [asks[number % len(asks)] for number in range(first, min(first + IN_ONE_SEGMENT, start + share))]
            wire.send(b"".join(ask.data for ask in segment))
            for ask in segment:
                answer = await wire.receive()
                assert answer.status == ask.status, answer
        await wire.close()

    share = -(-count // CONNECTIONS)
    await asyncio.gather(*(run(number * share, share) for number in range(CONNECTIONS)))


def memory_of(server: Running) -> int:
    """Bytes that all its processes hold of their own: pages of files are left out, which other programs share."""
    return sum(_own_memory(pid) for pid in (server.pid, *server.workers()))


def _own_memory(pid: int) -> int:
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    sizes = dict(re.findall(r"^(Pss_Anon|Pss_Shmem):\s+(\d+) kB$", text, re.MULTILINE))
    return sum(int(size) for size in sizes.values()) * 1024


def descriptors_of(server: Running) -> dict[int, int]:
    """How many descriptors each of its processes has."""
    return {pid: psutil.Process(pid).num_fds() for pid in (server.pid, *server.workers())}


def threads_of(server: Running) -> int:
    """How many threads all its processes have."""
    return sum(psutil.Process(pid).num_threads() for pid in (server.pid, *server.workers()))


def soak(server: Running, asks: Sequence[Ask], requests: int) -> Trend:
    """The trend of the server's memory over so many requests."""
    each = requests // CHUNKS
    looks = [memory_of(server)]
    for _ in range(CHUNKS):
        asyncio.run(ask_all(server.port, asks, each))
        looks.append(memory_of(server))
    return trend(each, looks)


def trend(requests_between: int, looks: Sequence[int]) -> Trend:
    """The straight line through looks at the memory, and how steep it may be."""
    count = np.arange(len(looks)) * float(requests_between)
    line, covariance = np.polyfit(count, np.asarray(looks, float), 1, cov=True)
    slope = float(line[0])
    return Trend(looks[-1] - looks[0], slope, slope + NORMAL_95 * float(np.sqrt(covariance[0, 0])))
