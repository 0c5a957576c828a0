"""A connection of door two on a transport of the test's own, over the whole application, in a loop of its own.

Time is held: the clock of turns, runs and limits goes on as it is read, and no timer of the loop goes off. So what is
done in which turn of the loop hangs on no machine.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import Any, Literal

import pytest
import uvloop
from fastapi import FastAPI
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from server.asgi.app import App
from server.batching.cost import CostCurve
from server.endpoints import entering, gate
from server.endpoints.lifecycle import Endpoints
from server.http import connection, exchange, worker_state
from server.http.connection import Connection
from server.http.keyed import connection_class
from server.http.layers import flow, reading
from server.metrics.scoreboard import Scoreboard
from server.models.repository import Repository
from server.settings import Settings, read_settings
from tests.support.server.doors import Wire, load
from tests.support.server.models import classifier

Act = Callable[[Connection, Wire, float], Coroutine[Any, Any, None]]
Connect = Callable[[], tuple[Connection, "PausingWire"]]

TIMED = (connection, entering, exchange, flow, gate, reading, worker_state)  # modules that read the clock
NEVER = 1e6  # seconds
DESCRIBE = FastAPI.openapi
DESCRIPTION: dict[str, Any] = {}


class PausingWire(Wire):
    """Stands for a transport that keeps bytes to be read until reading is resumed, and what it writes unsent."""

    def __init__(self) -> None:
        super().__init__()
        self.reading = True

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True


class HeldClock:
    """A monotonic clock that goes on by ``step`` seconds whenever it is read, and not otherwise."""

    def __init__(self) -> None:
        self.time = monotonic()
        self.step = 1e-6

    def __call__(self) -> float:
        self.time += self.step
        return self.time


class HeldLoop(uvloop.Loop):
    """A loop whose timers do not go off: a test that wants a beat or a sweep calls it."""

    def call_later(  # type: ignore[override]  # *args: of any types
        self, delay: float, callback: Callable[..., Any], *args: Any, context: Any = None
    ) -> asyncio.TimerHandle:
        return super().call_later(NEVER, callback, *args, context=context)


def describe_once(app: FastAPI) -> dict[str, Any]:
    """What FastAPI says of our routes, which are the same in every application: looked up once in a process."""
    if not DESCRIPTION:
        DESCRIPTION.update(DESCRIBE(app))
    return DESCRIPTION


def quick(folder: Path, settings: Settings) -> Repository:
    """The model, whose runs are expected to take no time, so that none goes to a thread."""
    (model,) = load(folder, {"iris": classifier()}, settings)
    return Repository([replace(model, curve=CostCurve())], {}, settings.default_model)


def with_connections(
    folder: Path,
    act: Callable[[Connect], Coroutine[Any, Any, None]],
    door: Literal["one", "two"] = "two",
    **environment: str,
) -> None:
    """Runs ``act`` with a way to connect to one worker, whose connections are those of ``door``. Time is held."""

    async def run() -> None:
        settings = read_settings({f"DYNONNX_{name}": value for name, value in environment.items()})
        endpoints = Endpoints(quick(folder, settings), settings, Scoreboard(1, 1), 1)
        endpoints.turns.now = clock
        endpoints.open(0)
        protocol_class: type[Any] = HttpToolsProtocol if door == "one" else connection_class(endpoints)
        app = App(endpoints)
        app.assemble()  # else the first cold request waits for a thread, which turns of the loop do not
        config = Config(app, http=protocol_class, ws="none", log_config=None, timeout_keep_alive=95)
        config.load()
        state = ServerState()

        def connect() -> tuple[Connection, PausingWire]:
            wire = PausingWire()
            protocol: Any = config.http_protocol_class
            client: Connection = protocol(config, state, {})
            client.connection_made(wire)  # type: ignore[arg-type]
            return client, wire

        await act(connect)
        endpoints.close()

    clock = HeldClock()
    with pytest.MonkeyPatch.context() as patch:
        for module in TIMED:
            patch.setattr(module, "monotonic", clock)
        patch.setattr(FastAPI, "openapi", describe_once)
        uvloop.run(run(), loop_factory=HeldLoop)


def with_connection(folder: Path, act: Act, **environment: str) -> None:
    """Runs ``act`` with a connection whose worker's coarse clock stands at the time it is given."""

    async def on_one(connect: Connect) -> None:
        client, wire = connect()
        await act(client, wire, client.worker.now)

    with_connections(folder, on_one, "two", **environment)


async def settle() -> None:
    """Lets the loop turn until nothing moves any more; nothing in it waits."""
    for _ in range(50):
        await asyncio.sleep(0)


def statuses(written: bytes) -> list[int]:
    """The statuses of the answers in what a connection has written."""
    return [int(status) for status in re.findall(rb"HTTP/1\.1 ([0-9]{3}) ", written)]
