"""Time limits of a connection, without waiting: it is given the time by the test."""

from __future__ import annotations

import asyncio
from pathlib import Path
from time import monotonic

import pytest

from server.http import timeouts
from server.http.connection import Connection
from tests.support.server.doors import ROW, Wire, get, post
from tests.support.server.wired import settle, statuses, with_connection

GRACE = timeouts.BODY_GRACE_SECONDS


COLD = post(b"", "/predict?x", length=100_000)


@pytest.mark.fault(9)
def test_a_silent_client_is_let_go_after_ten_seconds(tmp_path: Path) -> None:
    async def act(connection: Connection, wire: Wire, now: float) -> None:
        connection.check_time(now + timeouts.HEAD_SECONDS - 0.1)
        assert wire.state() == "open"
        connection.check_time(now + timeouts.HEAD_SECONDS + 0.1)
        assert wire.state() == "closed"
        assert wire.written == b""

    with_connection(tmp_path, act)


@pytest.mark.fault(9)
@pytest.mark.parametrize("part", [b"P", b"POST /predict HTTP/1.1\r\nHo", post(ROW)[:-45]])
def test_half_a_head_is_told_408_after_ten_seconds(tmp_path: Path, part: bytes) -> None:
    async def act(connection: Connection, wire: Wire, now: float) -> None:
        connection.data_received(part)
        connection.check_time(now + timeouts.HEAD_SECONDS - 0.1)
        assert wire.state() == "open"
        connection.check_time(now + timeouts.HEAD_SECONDS + 0.1)
        assert wire.state() == "closed"
        assert wire.written.startswith(b"HTTP/1.1 408 Request Timeout")

    with_connection(tmp_path, act)


@pytest.mark.fault(8, 9)
def test_a_body_must_come_at_the_least_rate(tmp_path: Path) -> None:
    async def act(connection: Connection, wire: Wire, now: float) -> None:
        connection.data_received(post(b"", length=10_000_000))
        connection.data_received(b" " * 250_000)
        for second in range(1, 60):  # slow, but honest
            connection.check_time(now + second)
            connection.data_received(b" " * int(timeouts.BYTES_PER_SECOND))
        assert wire.state() == "open"
        for second in range(60, 81):  # what came before does not count for what comes now
            connection.check_time(now + second)
        assert wire.state() == "closed"
        assert wire.written.startswith(b"HTTP/1.1 408 Request Timeout")

    with_connection(tmp_path, act)


def test_an_idle_connection_stays_for_the_keep_alive(tmp_path: Path) -> None:
    async def act(connection: Connection, wire: Wire, now: float) -> None:
        connection.data_received(post(ROW))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert wire.written.startswith(b"HTTP/1.1 200 OK")
        connection.check_time(now + 94)
        assert wire.state() == "open"
        connection.check_time(now + 96)
        assert wire.state() == "closed"

    with_connection(tmp_path, act)


@pytest.mark.fault(43)
def test_what_becomes_idle_in_a_retiring_worker_is_closed(tmp_path: Path) -> None:
    async def act(connection: Connection, wire: Wire, now: float) -> None:
        worker, loop = connection.worker, asyncio.get_running_loop()
        connection.data_received(get("/live") + post(ROW))
        await settle()
        connection.shutdown()
        worker._close_idle()
        await settle()
        assert statuses(wire.written) == [200, 200]
        assert not wire.is_closing()
        worker._sweep(loop)
        assert wire.is_closing()

    with_connection(tmp_path, act)


@pytest.mark.parametrize("request_", [post(ROW), get("/health")], ids=["hot", "cold"])
def test_a_connection_is_idle_from_its_answer_on(tmp_path: Path, request_: bytes) -> None:
    async def act(connection: Connection, wire: Wire, now: float) -> None:
        connection.data_received(request_)
        connection.check_time(now + 20)  # it still waits for its answer
        await settle()
        assert statuses(wire.written) == [200]
        connection.check_time(now + 20 + 94)
        assert wire.state() == "open"
        assert connection.timeout_keep_alive_task is None, "nothing but the sweep ends it"
        connection.check_time(now + 20 + 96)
        assert wire.state() == "closed"

    with_connection(tmp_path, act)


@pytest.mark.fault(10)
def test_a_client_that_takes_nothing_is_let_go_a_slow_one_is_not(tmp_path: Path) -> None:
    async def act(connection: Connection, wire: Wire, now: float) -> None:
        wire.unwritten = 100_000
        paused = monotonic()
        connection.pause_writing()
        for second in range(1, 60):
            wire.unwritten -= int(timeouts.BYTES_PER_SECOND)
            connection.check_time(paused + second)
        assert wire.state() == "open"
        connection.check_time(paused + 59 + timeouts.WRITE_SECONDS - 0.1)
        assert wire.state() == "open"
        connection.check_time(paused + 59 + timeouts.WRITE_SECONDS + 0.1)
        assert wire.state() == "aborted"

    with_connection(tmp_path, act)


@pytest.mark.fault(8, 9)
@pytest.mark.parametrize("head", [COLD, COLD.replace(b"Content-Length: 100000", b"Transfer-Encoding: chunked")])
def test_a_cold_body_that_stops_is_told_408(tmp_path: Path, head: bytes) -> None:
    async def act(connection: Connection, wire: Wire, now: float) -> None:
        connection.data_received(head)
        await settle()
        for second in range(1, 13):
            connection.check_time(now + second)
            await settle()
        assert statuses(wire.written) == [408]
        assert b"connection: close" in wire.written
        assert wire.state() == "closed"

    with_connection(tmp_path, act)


@pytest.mark.fault(9)
def test_a_slow_cold_body_behind_a_good_request_swallows_nothing(tmp_path: Path) -> None:
    async def act(connection: Connection, wire: Wire, now: float) -> None:
        connection.data_received(get("/health") + COLD)
        await settle()
        for second in range(1, 13):
            connection.check_time(now + second)
            await settle()
        assert statuses(wire.written) == [200, 408]
        assert wire.state() == "closed"

    with_connection(tmp_path, act)


def test_a_body_that_the_server_does_not_read_is_not_slow(tmp_path: Path) -> None:
    async def act(connection: Connection, wire: Wire, now: float) -> None:
        connection.data_received(post(b"", length=100_000) + b" " * 10)
        connection.flow.pause_reading()
        connection.check_time(now + 100)
        connection.flow.resume_reading()
        connection.check_time(now + 100 + GRACE)
        assert wire.state() == "open"
        connection.check_time(now + 101 + GRACE)
        assert statuses(wire.written) == [408]

    with_connection(tmp_path, act)


@pytest.mark.fault(10)
@pytest.mark.parametrize("close", [False, True])
def test_a_little_that_a_client_does_not_take_is_noticed(tmp_path: Path, close: bool) -> None:
    async def act(connection: Connection, wire: Wire, now: float) -> None:
        connection.data_received(post(ROW, "/predict", *([b"Connection: close"] if close else [])))
        await settle()
        wire.unwritten = 300  # of the answer; writing is not paused for so little
        states = []
        for second in range(1, 14):
            connection.check_time(now + second)
            states.append(wire.state())
        assert states[9] != "aborted"
        assert states[-1] == "aborted"

    with_connection(tmp_path, act)


@pytest.mark.fault(10)
def test_what_waits_in_the_kernel_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    in_kernel = 5000
    monkeypatch.setattr(timeouts, "unacknowledged_bytes", lambda transport: in_kernel)

    async def act(connection: Connection, wire: Wire, now: float) -> None:
        connection.data_received(post(ROW))
        await settle()
        for second in range(1, 2 * int(timeouts.WRITE_SECONDS) + 3):
            connection.check_time(now + second)
        assert wire.state() == "aborted"

    with_connection(tmp_path, act)


def test_a_client_that_goes_on_asking_and_taking_is_never_stalled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = 0
    monkeypatch.setattr(timeouts, "unacknowledged_bytes", lambda transport: 5000)  # always as many, of other answers
    monkeypatch.setattr(timeouts, "acknowledged_bytes", lambda transport: taken)

    async def act(connection: Connection, wire: Wire, now: float) -> None:
        nonlocal taken
        for second in range(1, 60):
            taken += int(timeouts.BYTES_PER_SECOND)
            connection.data_received(post(ROW))
            await settle()
            connection.check_time(now + second)
        assert wire.state() == "open"

    with_connection(tmp_path, act)
