"""Owns a crowd of clients that ask the same again and again, in a process of its own, which slows no measurement.

Answers are read and thrown away. Knows nothing of what is asked.
"""

from __future__ import annotations

import http.client
import multiprocessing
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from typing import NamedTuple

SILENCE_SECONDS = 60.0


class Crowd(NamedTuple):
    """So many connections, each of which asks until ``seconds`` are over, and at least once."""

    connections: int
    seconds: float


@contextmanager
def asking(
    port: int, crowd: Crowd, path: str, body: bytes, headers: Mapping[str, str]
) -> Iterator[Future[Counter[int]]]:
    """A crowd that asks; its future has the statuses of its answers once all have asked."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        yield pool.submit(_ask, port, crowd, path, body, {"content-type": "application/json", **headers})


def _ask(port: int, crowd: Crowd, path: str, body: bytes, headers: Mapping[str, str]) -> Counter[int]:
    statuses: list[int] = []

    def ask() -> None:
        ends = time.monotonic() + crowd.seconds
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SILENCE_SECONDS)
        while True:
            connection.request("POST", path, body, dict(headers))
            response = connection.getresponse()
            while response.read(1 << 20):
                pass
            statuses.append(response.status)
            if time.monotonic() >= ends:
                break
        connection.close()

    threads = [threading.Thread(target=ask) for _ in range(crowd.connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return Counter(statuses)
