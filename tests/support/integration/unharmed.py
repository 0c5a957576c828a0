"""Owns the three checks after a fault: the same workers, health, and the golden answer bit for bit."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from tests.support.integration.running import Running, poll

ROW = b'{"features":[5.1,3.5,1.4,0.2]}'


@contextlib.contextmanager
def unharmed(server: Running, *, path: str = "/predict", golden: bytes = ROW, kills: int = 0) -> Iterator[None]:
    """Does nothing to a server, but checks after the block that nothing has happened to it.

    ``golden``: the body of a request that is answered 200 before; ``kills``: how many workers the block ends, so many
    others then stand in their place. Raises AssertionError.
    """
    if kills:
        server.wait_until_full()
    workers = set(server.workers())
    answer = server.ask("POST", path, golden)
    assert answer.status == 200, answer
    yield
    assert server.process.poll() is None, f"the arbiter ended:\n{server.read_log()}"
    if kills:
        poll(lambda: _replaced(server, workers) == kills, "the dead workers are replaced")
    assert server.ask("GET", "/health").status == 200
    again = server.ask("POST", path, golden)
    assert (again.status, again.body) == (200, answer.body), again
    assert _replaced(server, workers) == kills, "other workers serve than before"


def _replaced(server: Running, before: set[int]) -> int:
    """How many of the workers from before have another in their place; -1 while a place is empty."""
    now = set(server.workers())
    return len(now - before) if len(now) == len(before) else -1
