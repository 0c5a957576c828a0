"""What connections of a worker share: it retires once, and looks at all of them again and again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from server.endpoints.lifecycle import Endpoints
from server.http.timeouts import RETIRE_GRACE_SECONDS, SWEEP_SECONDS
from server.http.worker_state import WorkerState
from server.metrics.scoreboard import Scoreboard
from server.models.repository import Repository
from server.settings import Settings
from tests.server.http.test_exchange import worker_state


class FakeLoop:
    """A loop that keeps what is to be called later."""

    def __init__(self) -> None:
        self.calls: list[tuple[float, Callable[..., None], tuple[Any, ...]]] = []

    def call_later(self, seconds: float, call: Callable[..., None], *arguments: Any) -> None:
        self.calls.append((seconds, call, arguments))


def test_retiring_drains_at_once_and_closes_idle_connections_after_the_grace() -> None:
    worker = worker_state()
    live: Any = SimpleNamespace(close=lambda: None)
    worker.endpoints.live = live
    closed: list[str] = []
    worker._server_state.connections = [SimpleNamespace(close_if_idle=lambda: closed.append("closed"))]
    fake = FakeLoop()
    loop: Any = fake
    worker.retire(loop)
    worker.retire(loop)
    assert worker.retiring
    assert worker.endpoints.draining
    ((seconds, call, arguments),) = fake.calls
    assert (seconds, closed) == (RETIRE_GRACE_SECONDS, [])
    call(*arguments)
    assert closed == ["closed"]


def no_memory(now: float) -> None:
    """What a connection may meet while a run has all that is left."""
    raise MemoryError


def test_the_sweep_begins_once_and_checks_every_connection_again_and_again() -> None:
    async def run() -> None:
        endpoints = Endpoints(Repository([], {}), Settings(), Scoreboard(1, 1), 1)
        endpoints.open(0)
        worker = WorkerState(endpoints)
        checked: list[float] = []
        connection = SimpleNamespace(check_time=checked.append)
        state = SimpleNamespace(default_headers=[], connections=[SimpleNamespace(check_time=no_memory), connection])
        fake = FakeLoop()
        loop: Any = fake
        worker.watch(state, loop)
        worker.watch(state, loop)
        for times in range(1, 4):
            ((seconds, call, arguments),) = fake.calls
            fake.calls.clear()
            assert seconds == SWEEP_SECONDS
            call(*arguments)
            assert checked[-1] == worker.now
            assert len(checked) == times
        endpoints.close()

    asyncio.run(run())
