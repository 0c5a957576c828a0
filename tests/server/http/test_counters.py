"""Whatever clients do, in any order: once all have left, a worker holds no bytes, debts or requests of theirs."""

from __future__ import annotations

import asyncio
import gc
import gzip
from pathlib import Path
from random import Random
from typing import Any

import orjson
import pytest

from server.http.connection import Connection
from tests.support.server.doors import post
from tests.support.server.wired import Connect, PausingWire, settle, with_connections

STEPS = 60
ROW = [5.1, 3.5, 1.4, 0.2]


def _body_of(rows: int) -> bytes:
    return orjson.dumps({"features": [ROW] * rows})


def _infer(rows: int, timeout: int = 0) -> bytes:
    inputs = [{"name": "X", "shape": [rows, 4], "datatype": "FP64", "data": [ROW] * rows}]
    return orjson.dumps({"inputs": inputs, "parameters": {"timeout": timeout}})


def _packed(body: bytes) -> bytes:
    packed = gzip.compress(body)
    return post(packed, "/v2/models/iris/infer", b"Content-Encoding: gzip")


def _chunked(body: bytes) -> bytes:
    head = b"POST /predict HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    half = len(body) // 2
    return head + b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (body[:half], body[half:], b""))


REQUESTS = (
    post(_body_of(1)),
    post(_body_of(900)),
    post(_body_of(3000)),
    post(_body_of(20_000)),  # too many rows
    post(b'{"features":[[' + b"1," * 20_000),  # no JSON
    post(_infer(1000), "/v2/models/iris/infer"),
    post(_infer(1000, timeout=1), "/v2/models/iris/infer"),
    _packed(_infer(2000)),
    _packed(b" " * 500_000),
    _packed(_infer(2000))[:-20],  # cut off
    _chunked(_body_of(900)),
    b"GET /models HTTP/1.1\r\nHost: a\r\n\r\n",
    b"nonsense\r\n\r\n",
)


class Clients:
    """Connections to one worker that do things by chance."""

    def __init__(self, connect: Connect, seed: int) -> None:
        self._connect = connect
        self._chance = Random(seed)
        self._open: list[tuple[Connection, PausingWire]] = []
        self.worker = connect()[0].worker

    async def step(self) -> None:
        """Somebody comes, asks, takes nothing, takes again or leaves; what is heavy takes one turn or many."""
        chance = self._chance
        clock: Any = self.worker.endpoints.turns.now
        clock.step = chance.choice([1e-6, 1e-4])
        if len(self._open) < 2 or chance.random() < 0.1:
            self._open.append(self._connect())
        connection, wire = chance.choice(self._open)
        what = chance.random()
        if what < 0.6 and wire.state() == "open" and wire.reading:
            data = b"".join(chance.choices(REQUESTS, k=chance.choice([1, 1, 3])))
            if chance.random() < 0.3:
                data = data[: chance.randrange(1, len(data))]
            connection.data_received(data)
        elif what < 0.7:
            wire.unwritten = 200_000
            connection.pause_writing()
        elif what < 0.8:
            wire.unwritten = 0
            connection.resume_writing()
        elif what < 0.95:
            self._leave(connection, wire)
        for _ in range(chance.choice([0, 1, 5])):
            await asyncio.sleep(0)

    def _leave(self, connection: Connection, wire: PausingWire) -> None:
        self._open.remove((connection, wire))
        connection.connection_lost(ConnectionResetError() if self._chance.random() < 0.5 else None)
        wire.abort()

    def leave_all(self) -> None:
        """Everybody leaves."""
        for connection, wire in list(self._open):
            self._leave(connection, wire)


@pytest.mark.parametrize("seed", range(12))
def test_nothing_is_held_for_clients_that_have_left(seed: int, tmp_path: Path) -> None:
    async def live(connect: Connect) -> None:
        clients = Clients(connect, seed)
        endpoints = clients.worker.endpoints
        for _ in range(STEPS):
            await clients.step()
        clients.leave_all()
        for _ in range(20):
            await settle()
        assert (endpoints.ledger.held, clients.worker.debts.total) == (0, 0)
        assert not any(queue._jobs for queue in endpoints.serving._bodies)
        batcher = endpoints.serving.find("predict").batcher
        assert (len(batcher._queue), batcher._queue.rows, batcher.is_running) == (0, 0, False)
        block = endpoints.scoreboard.blocks["iris", "1"]
        assert endpoints.scoreboard.totals(block, "nv_inference_pending_request_count") == [0.0]

    gc.collect()
    gc.disable()  # what only the collector frees would be counted for too long
    try:
        with_connections(tmp_path, live, MAX_BODY_BYTES="300000", INFLIGHT_BYTES="1200000")
    finally:
        gc.enable()
