"""Reading and writing pause where a client takes nothing, and what it owes is bounded."""

from __future__ import annotations

from pathlib import Path

import pytest

from server.http.connection import Connection
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
