"""A worker's own parts: the listen backlog that it accepts before it stops. Whole workers are tested as processes."""

from __future__ import annotations

import signal
import socket

import pytest
from uvicorn.config import Config

from server.processes.worker import FORK_SIGNALS, Worker, _backlog, _Server
from tests.support.server.rig import in_loop


@pytest.mark.parametrize("waiting", [0, 1, 5])
def test_every_connection_in_the_backlog_is_accepted_and_none_is_waited_for(waiting: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        clients = [socket.create_connection(listener.getsockname()) for _ in range(waiting)]
        accepted = _backlog(listener)
        assert {connection.getpeername() for connection in accepted} == {client.getsockname() for client in clients}
        for connection in (*accepted, *clients):
            connection.close()


def test_the_signals_that_stop_a_worker_are_blocked_while_it_is_forked() -> None:
    assert {signal.SIGTERM, signal.SIGQUIT} <= FORK_SIGNALS


def test_uvicorn_trusts_no_proxy_and_keeps_no_access_log() -> None:
    settings = Worker.CONFIG_KWARGS
    assert (settings["proxy_headers"], settings["access_log"], settings["server_header"]) == (False, False, False)


@in_loop
async def test_a_worker_says_that_it_lives_whatever_the_time_of_day(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that is put back would silence uvicorn's own notice for as long, and the arbiter kill the worker."""
    said: list[int] = []
    server = _Server(Config(app="none", log_config=None), lambda: said.append(tick))
    for tick in range(31):
        monkeypatch.setattr("uvicorn.server.time.time", lambda now=1e9 - 3600.0 * tick: now)
        assert not await server.on_tick(tick)
    assert said == [0, 10, 20, 30]
    assert Worker.CONFIG_KWARGS["callback_notify"] is None
