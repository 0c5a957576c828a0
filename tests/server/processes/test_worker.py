"""A worker's own parts: in which order it stops. Whole workers are tested as processes."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from types import SimpleNamespace

import pytest
from uvicorn.config import Config

from server.processes.worker import FORK_SIGNALS, Worker, _Server
from tests.conftest import ROOT
from tests.support.server.rig import in_loop

BY_NAME = {"uvicorn.lifespan.on", "uvicorn.loops.uvloop", "uvloop.loop"}


def test_what_a_worker_would_import_by_itself_is_there_before_it_is_forked() -> None:
    told = "import sys, server.processes.worker; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True, cwd=ROOT).stdout
    assert set(loaded.split()) >= BY_NAME


@in_loop
async def test_nothing_is_waited_for_between_the_last_look_at_the_backlog_and_the_end_of_listening(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whoever connects in between is reset by the kernel, though it was told that it is connected."""
    order: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname())
        accepted, _ = listener.accept()
    server = _Server(Config(app="none", log_config=None), lambda: None, os.getppid())
    server.servers = [SimpleNamespace(close=lambda: order.append("closed"))]  # type: ignore[list-item]
    endpoints = SimpleNamespace(stop_accepting=lambda: order.append("told"), abandon=lambda: None)
    server.config.loaded_app = SimpleNamespace(endpoints=endpoints)

    def connection() -> asyncio.Protocol:
        order.append("connected")
        return asyncio.Protocol()

    def backlog(listener: socket.socket) -> list[socket.socket]:
        asyncio.get_running_loop().call_soon(order.append, "turned")
        order.append("looked")
        return [accepted]

    async def ended(server: object, sockets: object) -> None:
        order.append("ended")

    monkeypatch.setattr(server, "_connection", connection)
    monkeypatch.setattr("server.processes.worker.backlog", backlog)
    monkeypatch.setattr("server.processes.worker.Server.shutdown", ended)
    await server.shutdown([client])
    assert order[:2] == ["looked", "closed"]
    assert sorted(order[2:]) == ["connected", "ended", "told", "turned"]
    client.close()


def test_the_signals_that_stop_a_worker_are_blocked_while_it_is_forked() -> None:
    assert {signal.SIGTERM, signal.SIGQUIT} <= FORK_SIGNALS


def test_signals_that_are_the_arbiters_neither_end_nor_halt_a_worker_of_its_group() -> None:
    child = os.fork()
    if not child:
        Worker.__new__(Worker).init_signals()
        for number in (signal.SIGINT, signal.SIGHUP, signal.SIGUSR2, signal.SIGTTIN, signal.SIGTTOU):
            os.kill(os.getpid(), number)
        os._exit(7)
    _, status = os.waitpid(child, os.WUNTRACED)
    halted = os.WIFSTOPPED(status)
    if halted:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    assert not halted
    assert os.waitstatus_to_exitcode(status) == 7


@in_loop
async def test_a_worker_stops_once_its_arbiter_has_gone() -> None:
    """Or it would serve old models for ever, and the next server find its port taken."""
    server = _Server(Config(app="none", log_config=None), lambda: None, os.getppid())
    assert not await server.on_tick(10)
    server._parent += 1
    assert not await server.on_tick(11), "it looks once a second"
    assert await server.on_tick(20)


def test_uvicorn_trusts_no_proxy_and_keeps_no_access_log() -> None:
    settings = Worker.CONFIG_KWARGS
    assert (settings["proxy_headers"], settings["access_log"], settings["server_header"]) == (False, False, False)


@in_loop
async def test_a_worker_says_that_it_lives_whatever_the_time_of_day(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that is put back would silence uvicorn's own notice for as long, and the arbiter kill the worker."""
    said: list[int] = []
    server = _Server(Config(app="none", log_config=None), lambda: said.append(tick), os.getppid())
    for tick in range(31):
        monkeypatch.setattr("uvicorn.server.time.time", lambda now=1e9 - 3600.0 * tick: now)
        assert not await server.on_tick(tick)
    assert said == [0, 10, 20, 30]
    assert Worker.CONFIG_KWARGS["callback_notify"] is None
