"""However many clients ask FastAPI at once, a few begin in a turn of the loop, and health waits for none of them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from server.http.cold.starts import AT_ONCE, OTHER, ColdStarts
from server.http.connection import Connection
from tests.support.server.doors import Wire, get
from tests.support.server.wired import Connect, settle, statuses, with_connections

CROWD = 60
MODELS, HEALTH = get("/models"), get("/health")


def ask_all(clients: Sequence[tuple[Connection, Wire]], request: bytes) -> None:
    """Has every client ask in this turn of the loop."""
    for connection, wire in clients:
        wire.written = b""
        connection.data_received(request)


async def turns_until(wire: Wire) -> int:
    """How many turns of the loop it takes until an answer is written."""
    turns = 0
    while not wire.written:
        await asyncio.sleep(0)
        turns += 1
    return turns


def test_a_few_of_many_begin_in_a_turn_of_the_loop(tmp_path: Path) -> None:
    async def act(connect: Connect) -> None:
        clients = [connect() for _ in range(CROWD)]
        ask_all(clients, MODELS)
        answered = [0]
        while answered[-1] < CROWD:
            await asyncio.sleep(0)
            answered.append(sum(bool(wire.written) for _, wire in clients))
        most = max(after - before for before, after in pairwise(answered))
        assert most <= 2 * AT_ONCE  # those of the turn that began, and of the next
        assert all(statuses(wire.written) == [200] for _, wire in clients)
        await settle()

    with_connections(tmp_path, act)


def test_who_asks_how_the_server_is_waits_for_no_other_reads(tmp_path: Path) -> None:
    async def act(connect: Connect) -> None:
        clients = [connect() for _ in range(CROWD)]
        ask_all(clients, MODELS)
        prober, wire = connect()
        prober.data_received(HEALTH)
        alone = 5
        assert await turns_until(wire) <= alone
        assert sum(bool(wire.written) for _, wire in clients) <= (alone + 1) * AT_ONCE
        await settle()

    with_connections(tmp_path, act)


def test_who_has_just_connected_waits_for_nobody_who_asks_for_health_again(tmp_path: Path) -> None:
    async def act(connect: Connect) -> None:
        clients = [connect() for _ in range(CROWD)]
        ask_all(clients, HEALTH)
        await settle()
        ask_all(clients, HEALTH)
        prober, wire = connect()
        prober.data_received(HEALTH)
        await turns_until(wire)
        assert sum(bool(wire.written) for _, wire in clients) < CROWD // 2
        await settle()

    with_connections(tmp_path, act)


def test_of_clients_that_have_left_none_begins(tmp_path: Path) -> None:
    async def act(connect: Connect) -> None:
        clients = [connect() for _ in range(CROWD)]
        last, wire = connect()
        ask_all([*clients, (last, wire)], MODELS)
        for connection, _ in clients:
            connection.connection_lost(None)
        assert await turns_until(wire) <= CROWD // AT_ONCE // 2
        assert not any(wire.written for _, wire in clients[AT_ONCE:])
        await settle()

    with_connections(tmp_path, act)


def test_one_that_cannot_begin_holds_up_no_other() -> None:
    class Request:
        done = False

        def __init__(self, fails: bool) -> None:
            self.fails = fails
            self.began = self.abandoned = False

        def abandon(self) -> None:
            self.abandoned = True

        def start(self) -> None:
            if self.fails:
                raise MemoryError
            self.began = True

    async def act() -> None:
        starts = ColdStarts()
        requests = [Request(fails=number == AT_ONCE) for number in range(CROWD)]
        for request in requests:
            starts.add(request, OTHER)
        for _ in range(CROWD):
            await asyncio.sleep(0)
        assert [request.began for request in requests] == [not request.fails for request in requests]
        assert [request.abandoned for request in requests] == [request.fails for request in requests]

    asyncio.run(act())
