"""A connection of door two on a transport of the test's own, over the whole application, in a loop of its own."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Literal

import uvloop
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from server.asgi.app import App
from server.endpoints.lifecycle import Endpoints
from server.http.connection import Connection
from server.http.keyed import connection_class
from server.metrics.scoreboard import Scoreboard
from server.settings import read_settings
from tests.support.server.doors import Wire, load
from tests.support.server.models import classifier

Act = Callable[[Connection, Wire, float], Coroutine[Any, Any, None]]
Connect = Callable[[], tuple[Connection, "PausingWire"]]


class PausingWire(Wire):
    """Stands for a transport that keeps bytes to be read until reading is resumed, and what it writes unsent."""

    def __init__(self) -> None:
        super().__init__()
        self.reading = True

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True


def with_connections(
    folder: Path,
    act: Callable[[Connect], Coroutine[Any, Any, None]],
    door: Literal["one", "two"] = "two",
    **environment: str,
) -> None:
    """Runs ``act`` with a way to connect to one worker, whose connections are those of ``door``."""

    async def run() -> None:
        settings = read_settings({f"DYNONNX_{name}": value for name, value in environment.items()})
        endpoints = Endpoints(load(folder, {"iris": classifier()}, settings), settings, Scoreboard(1, 1), 1)
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
            connection: Connection = protocol(config, state, {})
            connection.connection_made(wire)  # type: ignore[arg-type]
            return connection, wire

        await act(connect)
        endpoints.close()

    uvloop.run(run())


def with_connection(folder: Path, act: Act, **environment: str) -> None:
    """Runs ``act`` with a connection whose worker's coarse clock stands at the time it is given."""

    async def on_one(connect: Connect) -> None:
        connection, wire = connect()
        await act(connection, wire, connection.worker.now)

    with_connections(folder, on_one, "two", **environment)


async def settle() -> None:
    """Lets the loop turn until nothing moves any more; nothing in it waits."""
    for _ in range(50):
        await asyncio.sleep(0)


def statuses(written: bytes) -> list[int]:
    """The statuses of the answers in what a connection has written."""
    return [int(status) for status in re.findall(rb"HTTP/1\.1 ([0-9]{3}) ", written)]
