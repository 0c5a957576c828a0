"""Reading and writing pause where a client takes nothing, and what it owes is bounded."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from server.batching.entry import PiecedAnswer
from server.endpoints.portions import PORTION_BYTES
from server.http.connection import Connection
from server.http.exchange import Exchange
from tests.support.server.doors import ROW, Wire, get, post
from tests.support.server.wired import settle, statuses, with_connection


@pytest.mark.fault(10)
def test_nothing_is_parsed_while_a_client_takes_nothing(tmp_path: Path) -> None:
    async def act(connection: Connection, wire: Wire, now: float) -> None:
        request = get("/health")
        connection.data_received(request * 500)
        await settle()
        connection.pause_writing()
        await settle()
        before = len(wire.written)
        for _ in range(20):
            await settle()
        assert len(wire.written) == before
        connection.resume_writing()
        for _ in range(1000):
            await settle()
        assert len(statuses(wire.written)) == 500

    with_connection(tmp_path, act)


def test_a_client_alone_may_owe_one_large_answer_but_not_many(tmp_path: Path) -> None:
    async def act(connection: Connection, wire: Wire, now: float) -> None:
        def write(data: bytes) -> None:  # takes nothing, as a transport whose client does not
            wire.unwritten += connection.worker.endpoints.ledger.limit
            if not connection.flow.write_paused:
                connection.pause_writing()

        wire.write = write  # type: ignore[method-assign]
        connection.data_received(post(ROW))
        await settle()
        assert (wire.unwritten > 0, wire.state()) == (True, "open")
        connection.resume_writing()
        wire.unwritten = 0
        connection.data_received(post(ROW) * 2)  # in one turn, so both are entered
        await settle()
        assert wire.state() == "aborted"

    with_connection(tmp_path, act)


class TakingWire(Wire):
    """A transport that takes ``takes`` portions of an answer, then pauses; what it was given is counted."""

    def __init__(self, connection: Connection) -> None:
        super().__init__()
        self.connection = connection
        self.takes = 0
        self.portions: list[int] = []

    def writelines(self, pieces: Iterable[bytes | memoryview]) -> None:
        pieces = list(pieces)
        super().writelines(pieces)
        self.portions.append(sum(map(len, pieces)))
        self.unwritten = 0 if len(self.portions) < self.takes else self.portions[-1]
        if self.unwritten:
            self.connection.pause_writing()

    def take(self, portions: int) -> None:
        """The client takes some more."""
        self.takes = len(self.portions) + portions
        self.unwritten = 0
        self.connection.resume_writing()


def ask(connection: Connection, size: int = 0) -> Exchange:
    """A hot request on a connection, answered with so many bytes unless it is 0."""
    exchange = Exchange(connection, b"id", 1e9)
    connection.exchanges.append(exchange)
    if size:
        exchange.done = True
        exchange.answer_in_pieces(PiecedAnswer([memoryview(bytes([size % 251]) * size)], b"text/plain", ()))
    return exchange


def on_taking_wire(connection: Connection) -> TakingWire:
    wire = TakingWire(connection)
    connection.transport = connection.flow._transport = wire  # type: ignore[assignment]
    return wire


LARGE = 5 * PORTION_BYTES


@pytest.mark.fault(10)
def test_a_large_answer_is_written_as_the_client_takes_it(tmp_path: Path) -> None:
    async def act(connection: Connection, wire: Wire, now: float) -> None:
        wire = on_taking_wire(connection)
        wire.takes = 2
        ask(connection, LARGE)
        assert wire.portions == [], "not all at once, nor at once"
        await settle()
        assert wire.portions == [PORTION_BYTES] * 2
        assert connection.owed_bytes() == PORTION_BYTES + connection.unwritten_bytes > 4 * PORTION_BYTES
        assert connection.worker.debts.total == connection.owed_bytes()
        assert connection.flow.read_paused
        while connection._portions is not None:
            wire.take(1)
            await settle()
        wire.take(1)
        assert len(wire.portions) == 6, "five, and the head's bytes"
        assert wire.written.endswith(bytes([LARGE % 251]) * LARGE)
        assert (connection.worker.debts.total, connection.flow.read_paused) == (0, False)

    with_connection(tmp_path, act)


def test_what_follows_a_large_answer_waits_for_it(tmp_path: Path) -> None:
    async def act(connection: Connection, wire: Wire, now: float) -> None:
        wire = on_taking_wire(connection)
        wire.takes = 1
        first, large, second, third = (ask(connection) for _ in range(4))
        first.answer(b"1")
        third.answer(b"3")
        large.answer_in_pieces(PiecedAnswer([bytes(LARGE)], b"text/plain", ()))
        connection.data_received(get("/health"))
        await settle()
        second.answer_in_pieces(PiecedAnswer([bytes(LARGE)], b"text/plain", ()))
        assert len(statuses(wire.written)) == 2
        assert connection.owes_several()
        assert connection.owed_bytes() > 2 * LARGE - 2 * PORTION_BYTES
        while connection._portions is not None:
            wire.take(1)
            await settle()
        wire.take(1)
        await settle()
        assert len(statuses(wire.written)) == 5
        assert wire.written.endswith(b'{"status":"ok"}')
        assert not connection.exchanges

    with_connection(tmp_path, act)


def test_a_client_that_sends_no_more_gets_the_whole_of_a_large_answer(tmp_path: Path) -> None:
    async def act(connection: Connection, wire: Wire, now: float) -> None:
        wire = on_taking_wire(connection)
        assert not connection.eof_received(), "nothing is owed: the transport closes"
        wire.takes = 1
        ask(connection, LARGE)
        await settle()
        assert connection.eof_received()
        while connection._portions is not None:
            assert wire.state() == "open"
            wire.take(1)
            await settle()
        assert (wire.state(), sum(wire.portions) > LARGE) == ("closed", True)

    with_connection(tmp_path, act)


def test_the_last_answer_closes_the_connection_once_it_is_written(tmp_path: Path) -> None:
    async def act(connection: Connection, wire: Wire, now: float) -> None:
        wire = on_taking_wire(connection)
        wire.takes = 1
        last = ask(connection)
        last.close = True
        last.answer_in_pieces(PiecedAnswer([bytes(LARGE)], b"text/plain", ()))
        connection.close_if_idle()
        await settle()
        assert wire.state() == "open"
        wire.take(10)
        await settle()
        assert wire.state() == "closed"
        assert sum(wire.portions) > LARGE

    with_connection(tmp_path, act)


def test_a_client_that_has_left_is_written_nothing_more(tmp_path: Path) -> None:
    async def act(connection: Connection, wire: Wire, now: float) -> None:
        wire = on_taking_wire(connection)
        ask(connection, LARGE)
        connection.connection_lost(None)
        await settle()
        assert (wire.portions, connection.worker.debts.total) == ([], 0)

    with_connection(tmp_path, act)


def test_answers_of_many_requests_are_joined_up_to_a_portion(tmp_path: Path) -> None:
    async def act(connection: Connection, wire: Wire, now: float) -> None:
        wire = on_taking_wire(connection)
        wire.takes = 1000
        first, *others = (ask(connection) for _ in range(60))
        for other in others:
            other.answer(bytes(100_000))
        first.answer(b"1")
        await settle()
        assert len(statuses(wire.written)) == 60
        assert max(wire.portions) <= PORTION_BYTES

    with_connection(tmp_path, act)


@pytest.mark.fault(10)
def test_answers_that_wait_behind_one_are_bounded_too(tmp_path: Path) -> None:
    async def act(connection: Connection, wire: Wire, now: float) -> None:
        ask(connection)
        limit = connection.worker.endpoints.ledger.limit
        for _ in range(4):
            ask(connection, limit // 3)
            assert (wire.state() == "aborted") == (connection.worker.debts.total == 0)
        assert wire.state() == "aborted"

    with_connection(tmp_path, act)
