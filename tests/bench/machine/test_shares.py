"""Shares: real workers of a real arbiter are told apart by the kernel; a share is a multiple of what is due."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.machine.processes import Child, wait_until
from bench.machine.shares import connections_of, gained, largest_share, processor_seconds_of, workers_of

ARBITER = """
import os, signal, socket
listener = socket.create_server(("127.0.0.1", 0))
for take in (1, 3):
    if not os.fork():
        clients = [listener.accept() for _ in range(take)]
        signal.pause()
print(listener.getsockname()[1], flush=True)
signal.pause()
"""


@pytest.fixture
def arbiter(tmp_path: Path) -> Iterator[tuple[int, int]]:
    """The process of one with two workers, of which one takes 1 connection and the other 3; its port."""
    log = tmp_path / "log"
    with Child([sys.executable, "-c", ARBITER], log, os.environ) as child:
        wait_until(lambda: log.exists() and log.read_text().endswith("\n"), 60)
        yield child.pid, int(log.read_text())


def test_the_kernel_tells_who_holds_which_connections(arbiter: tuple[int, int]) -> None:
    pid, port = arbiter
    assert len(workers_of(pid)) == 2
    clients = [socket.create_connection(("127.0.0.1", port)) for _ in range(4)]
    try:
        wait_until(lambda: sum(connections_of(pid, port).values()) == 4, 60)
        assert sorted(connections_of(pid, port).values()) == [1, 3]
        assert largest_share(connections_of(pid, port), 2) == 1.5
        assert sorted(processor_seconds_of(pid)) == sorted(workers_of(pid))
    finally:
        for client in clients:
            client.close()


def test_a_share_is_of_what_each_worker_is_due() -> None:
    assert largest_share({1: 4.0, 2: 4.0}, 2) == 1.0
    assert largest_share({1: 8.0}, 2) == 2.0  # the other has nothing, or was not seen
    assert largest_share({}, 2) is None
    assert largest_share({1: 0.0, 2: 0.0}, 2) is None
    assert gained({1: 1.0, 2: 2.0}, {1: 1.5, 3: 9.0}) == {1: 0.5}
