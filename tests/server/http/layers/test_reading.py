"""A large segment is parsed in pieces and in turns, and what a connection keeps meanwhile is counted."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from server.batching.turns import SHARE_SECONDS
from server.errors import ServerError
from server.http.connection import Connection
from server.http.limits import PIECE_BYTES
from tests.support.server.doors import ROW, Wire, get, post
from tests.support.server.wired import Connect, settle, statuses, with_connection, with_connections

SEGMENT = 262_144
TINY_CHUNKS = post(b"").replace(b"Content-Length: 0", b"Transfer-Encoding: chunked") + b"1\r\n \r\n" * 50_000


def by_hand(connection: Connection) -> None:
    """Lets a tenth of a share pass whenever a connection, or its worker's queue, looks at the clock."""
    clock: Any = connection.worker.endpoints.turns.now
    clock.step = SHARE_SECONDS / 10


def test_a_segment_of_tiny_chunks_is_parsed_some_pieces_a_turn(tmp_path: Path) -> None:
    async def act(connect: Connect) -> None:
        others = [connect()[0] for _ in range(20)]
        by_hand(others[0])
        for connection in others:
            connection.data_received(TINY_CHUNKS[:SEGMENT])
        parsed = [connection._parsed for connection in others]
        assert 0 < parsed[0] < 12 * PIECE_BYTES
        assert sum(parsed[1:]) == 0  # they wait for their turn
        turns = 0
        while any(connection.flow.parse_on for connection in others):
            before = sum(connection._received for connection in others)
            await asyncio.sleep(0)
            assert sum(connection._received for connection in others) - before <= 40 * (PIECE_BYTES // 6 + 1)
            turns += 1
        assert turns >= 15
        assert sum(connection.unparsed_bytes for connection in others) == 0

    with_connections(tmp_path, act)


def test_a_paused_transport_reads_on_once_all_is_parsed(tmp_path: Path) -> None:
    async def act(connect: Connect) -> None:
        connection, wire = connect()
        by_hand(connection)
        connection.data_received((post(ROW) + get("/health")) * 400)
        held = [wire.reading]
        for _ in range(400_000):
            await asyncio.sleep(0)
            if wire.reading and not connection.exchanges:
                break
        assert statuses(wire.written) == [200] * 800
        assert [*held, wire.reading] == [False, True]
        connection.data_received(post(ROW))
        await settle()
        assert statuses(wire.written) == [200] * 801

    with_connections(tmp_path, act)


def test_what_waits_unparsed_is_counted_and_the_greatest_debtor_ended(tmp_path: Path) -> None:
    async def act(connect: Connect) -> None:
        pairs = [connect() for _ in range(6)]
        limit = pairs[0][0].worker.endpoints.ledger.limit
        for connection, _ in pairs:
            connection.flow.pause_reading()  # as while its answers wait
            connection.data_received(post(ROW) + b" " * (limit // 5 - 200))
        assert sum(wire.state() == "aborted" for _, wire in pairs) == 1
        assert pairs[0][0].worker.debts.total <= limit

    with_connections(tmp_path, act, MAX_BODY_BYTES="100000", INFLIGHT_BYTES="400000")


def test_a_connection_that_is_gone_is_passed_over(tmp_path: Path) -> None:
    async def act(connection: Connection, wire: Wire, now: float) -> None:
        by_hand(connection)
        connection.data_received(TINY_CHUNKS[:SEGMENT])
        assert connection.flow.parse_on is not None
        connection.connection_lost(None)
        parsed = connection._parsed
        await settle()
        assert connection._parsed == parsed
        assert connection.worker.parsing.idle
        assert connection.worker.debts.total == 0

    with_connection(tmp_path, act)


REFUSALS: dict[str, Callable[[Connection], None]] = {
    "a time limit": lambda connection: connection._refuse(ServerError("request_timeout", "late")),
    "the last answer": lambda connection: connection._end(),
    "the client has left": lambda connection: connection.connection_lost(None),
}


@pytest.mark.parametrize("refusal", REFUSALS)
def test_after_a_refusal_nothing_that_was_read_is_kept(tmp_path: Path, refusal: str) -> None:
    async def act(connect: Connect) -> None:
        connection, _ = connect()
        connection.pause_writing()
        connection.data_received(post(ROW) * 2_000)
        assert connection.unparsed_bytes > 100_000
        REFUSALS[refusal](connection)
        assert (connection._unparsed, connection.unparsed_bytes, connection.flow.parse_on) == (b"", 0, None)
        part, _ = connect()
        part.data_received(post(b"", length=100_000))
        part.data_received(b" " * 50_000)
        part.data_received(b" " * 7_000)
        assert len(part._body) == 57_000
        REFUSALS[refusal](part)
        assert part._body == b""

    with_connections(tmp_path, act)


def test_a_body_that_goes_on_is_kept_when_all_is_parsed(tmp_path: Path) -> None:
    async def act(connection: Connection, wire: Wire, now: float) -> None:
        body = ROW.ljust(100_000)
        data = post(body)
        connection.data_received(data[:50_000])
        await settle()
        connection.data_received(data[50_000:])
        await settle()
        assert statuses(wire.written) == [200]

    with_connection(tmp_path, act)


def test_a_connection_that_is_gone_is_freed_without_a_collection(tmp_path: Path) -> None:
    async def act(connect: Connect) -> None:
        connection, wire = connect()
        connection.data_received(post(ROW) + get("/health"))
        await settle()
        assert statuses(wire.written) == [200, 200]
        connection.connection_lost(None)
        await settle()
        gone = weakref.ref(connection)
        gc.disable()
        del connection
        await settle()
        assert gone() is None

    try:
        with_connections(tmp_path, act)
    finally:
        gc.enable()
