"""Connections of clients with keys: a line that passed opens its own connection, and no other bytes, nor any other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from server.http.connection import Connection
from server.http.limits import MAX_HEADERS
from tests.support.server.doors import DOORS, ROW, Wire, open_door, post
from tests.support.server.models import classifier
from tests.support.server.wired import Connect, with_connections

KEY, OTHER = "k" * 20, "o" * 20
KEYS = f"{KEY},{OTHER}"


def keyed(key: str, *headers: bytes) -> bytes:
    return post(ROW, "/predict", f"Authorization: Bearer {key}".encode(), *headers)


async def answer(connection: Connection, wire: Wire, data: bytes) -> int:
    """The status of the answer to one request."""
    before = len(wire.written)
    connection.data_received(data)
    for _ in range(1_000_000):  # turns of the loop
        if len(wire.written) > before:
            break
        await asyncio.sleep(0)
    return int(wire.written[before:].split(b" ", 2)[1])


def counting(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths for which the gate is asked from now on."""
    gate, asked = connection.worker.endpoints.gate, list[str]()
    authorise: Callable[..., None] = gate.authorise

    def counted(path: str, headers: list[tuple[bytes, bytes]]) -> None:
        asked.append(path)
        authorise(path, headers)

    monkeypatch.setattr(gate, "authorise", counted)
    return asked


def test_the_gate_looks_at_a_key_once_a_connection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def act(connect: Connect) -> None:
        connection, wire = connect()
        asked = counting(connection, monkeypatch)
        assert [await answer(connection, wire, keyed(KEY)) for _ in range(5)] == [200] * 5
        assert asked == ["/predict"]
        connection, wire = connect()
        assert await answer(connection, wire, keyed(KEY)) == 200
        assert asked == ["/predict"] * 2

    with_connections(tmp_path, act, API_KEYS=KEYS)


def test_a_key_that_passed_lets_no_other_request_pass(tmp_path: Path) -> None:
    async def act(connect: Connect) -> None:
        connection, wire = connect()
        for data, status in (
            (keyed(KEY), 200),
            (keyed("x" * 20), 401),
            (post(ROW), 401),
            (keyed(KEY), 200),
            (keyed(KEY[:-1]), 401),
            (keyed(KEY + "k"), 401),
            (keyed(KEY, b"Authorization: Bearer " + KEY.encode()), 401),
            (keyed(OTHER), 200),
            (keyed(KEY), 200),
        ):
            assert await answer(connection, wire, data) == status, data
        fresh, wire = connect()
        assert await answer(fresh, wire, post(ROW)) == 401  # a head that is known without its key

    with_connections(tmp_path, act, API_KEYS=KEYS)


def test_a_known_head_has_no_header_more_with_its_key(tmp_path: Path) -> None:
    async def act(connect: Connect) -> None:
        connection, wire = connect()
        usual = keyed(KEY).split(b"\r\n\r\n")[0].count(b"\r\n")  # headers
        lines = [b"X-%d: 1" % number for number in range(MAX_HEADERS - usual + 1)]
        most, one_more = keyed(KEY, *lines[:-1]), keyed(KEY, *lines)
        assert [await answer(connection, wire, data) for data in (most, most)] == [200, 200]
        assert await answer(connection, wire, keyed(KEY, lines[-1])) == 200  # now each line is known
        assert await answer(connection, wire, one_more) == 431

    with_connections(tmp_path, act, API_KEYS=KEYS)


@pytest.mark.parametrize("name", DOORS)
@pytest.mark.parametrize("line", [b"Host: other", b"Transfer-Encoding: gzip, chunked"])
def test_a_head_that_others_may_read_otherwise_ends_the_connection_also_without_a_key(
    name: str, line: bytes, tmp_path: Path
) -> None:
    length = b"" if line.startswith(b"Transfer") else b"Content-Length: 5\r\n"
    request = b"POST /predict HTTP/1.1\r\nHost: test\r\n%b\r\n%b\r\n0\r\n\r\n" % (line, length)
    with open_door(name, tmp_path, {"iris": classifier()}, API_KEYS=KEYS) as door:
        client = door.connect().send(request)
        answered = client.read()
        assert (answered.status, answered.headers["connection"]) == (400, "close")
        assert client.ended()
        assert door.ask(post(ROW)).status == 401


def test_a_key_in_the_body_opens_nothing(tmp_path: Path) -> None:
    async def act(connect: Connect) -> None:
        connection, wire = connect()
        assert await answer(connection, wire, keyed(KEY)) == 200
        hidden = b"\r\nAuthorization: Bearer " + KEY.encode() + b"\r\n"
        assert await answer(connection, wire, post(hidden + ROW)) == 401

    with_connections(tmp_path, act, API_KEYS=KEYS)


def test_a_quota_counts_each_request_of_a_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def act(connect: Connect) -> None:
        connection, wire = connect()
        quota = connection.worker.quota
        assert quota is not None
        monkeypatch.setattr(quota, "_now", lambda: 5.0)
        assert [await answer(connection, wire, keyed(KEY)) for _ in range(4)] == [200, 200, 429, 429]
        assert await answer(connection, wire, keyed(OTHER)) == 200

    with_connections(tmp_path, act, QUOTA="2", API_KEYS=KEYS)
