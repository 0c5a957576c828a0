"""How many connections a worker takes, who gives way where all places are taken, and what one too many is told."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import orjson
import pytest

from server.http.connection import Connection
from server.http.places import (
    IDLE_SECONDS,
    KEPT_PATHS,
    KEPT_PLACES,
    LEAST_PLACES,
    LEAVE_AT_ONCE,
    MAX_CONNECTIONS,
    Places,
    Room,
    places_within,
)
from tests.support.server.doors import ROW, Wire, get, post
from tests.support.server.wired import Connect, settle, statuses, with_connections


@pytest.mark.parametrize(("limit", "used"), [(64, 20), (1024, 30), (10_000, 40), (2**20, 40)])
def test_places_and_what_else_is_open_fit_into_the_limit(limit: int, used: int) -> None:
    places = places_within(limit, used)
    assert places.open + places.kept + used < limit
    assert LEAST_PLACES <= places.open <= MAX_CONNECTIONS


def test_there_are_some_places_in_any_case() -> None:
    assert places_within(16, 30) == Places(LEAST_PLACES, KEPT_PLACES)


def test_the_limit_is_that_of_the_process() -> None:
    code = (
        "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64));"
        "from server.http.places import places; print(places().open)"
    )
    root = Path(__file__).parents[3]
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
    assert 20 < int(shown.stdout) < 64 - KEPT_PLACES


def crowd(connect: Connect, count: int) -> list[tuple[Connection, Wire]]:
    """So many connections to a worker with two open places and one that is kept."""
    connection, _ = first = connect()
    connection.worker.places = Places(2, 1)
    return [first, *(connect() for _ in range(count - 1))]


def test_one_connection_too_many_is_told_and_the_others_stay(tmp_path: Path) -> None:
    async def act(connect: Connect) -> None:
        clients = crowd(connect, 4)
        assert [statuses(wire.written) for _, wire in clients] == [[], [], [], [503]]
        refused = clients[3][1]
        assert refused.state() == "closed"
        assert b"retry-after: 1\r\n" in refused.written
        assert orjson.loads(refused.written.partition(b"\r\n\r\n")[2])["code"] == "overloaded"
        for connection, wire in clients[:2]:
            connection.data_received(post(ROW))
            await settle()
            assert (statuses(wire.written), wire.state()) == ([200], "open")

    with_connections(tmp_path, act)


@pytest.mark.parametrize("path", sorted(KEPT_PATHS))
def test_a_kept_place_answers_how_the_server_is_once(tmp_path: Path, path: bytes) -> None:
    async def act(connect: Connect) -> None:
        connection, wire = crowd(connect, 3)[2]
        connection.data_received(get(path.decode()) + get("/health"))
        for _ in range(10):  # metrics are made one in a turn of the loop
            await settle()
        assert (statuses(wire.written), wire.state()) == ([200], "closed")

    with_connections(tmp_path, act)


@pytest.mark.parametrize("request_bytes", [post(ROW), post(ROW, "/invocations"), get("/models"), get("/healthy")])
def test_a_kept_place_is_for_nothing_else(tmp_path: Path, request_bytes: bytes) -> None:
    async def act(connect: Connect) -> None:
        clients = crowd(connect, 3)
        clients[0][0].data_received(post(ROW))  # so its head is known
        await settle()
        connection, wire = clients[2]
        connection.data_received(request_bytes)
        await settle()
        assert (statuses(wire.written), wire.state()) == ([503], "closed")

    with_connections(tmp_path, act)


def test_a_place_is_free_again_when_a_client_leaves(tmp_path: Path) -> None:
    async def act(connect: Connect) -> None:
        clients = crowd(connect, 2)
        clients[0][0].connection_lost(None)
        connection, wire = connect()
        connection.data_received(post(ROW))
        await settle()
        assert (statuses(wire.written), wire.state()) == ([200], "open")

    with_connections(tmp_path, act)


class Guest:
    """A guest that keeps whether it gave way."""

    def __init__(self, since: float | None) -> None:
        self.since = since
        self.left = False

    @property
    def idle_since(self) -> float | None:
        return None if self.left else self.since

    def give_way(self) -> None:
        self.left = True


def test_the_longest_idle_give_way_together_and_no_more_than_there_are() -> None:
    guests = [Guest(float(number)) for number in range(100)]
    room = Room()
    assert room.has_place(guests, 101, 100, 1000.0)
    assert [number for number, guest in enumerate(guests) if guest.left] == list(range(LEAVE_AT_ONCE))
    assert room.leaving == LEAVE_AT_ONCE
    assert room.has_place(guests, 100 + LEAVE_AT_ONCE, 100, 1000.0)  # these have a place each
    assert sum(guest.left for guest in guests) == LEAVE_AT_ONCE


@pytest.mark.parametrize("since", [None, 1000.0, 1000.0 - IDLE_SECONDS / 2])
def test_nobody_gives_way_who_asks_or_has_just_asked(since: float | None) -> None:
    guests = [Guest(since)]
    assert not Room().has_place(guests, 2, 1, 1000.0)
    assert not guests[0].left


async def two_guests(connect: Connect) -> Sequence[tuple[Connection, Wire]]:
    """Two that have asked something, in a worker with as many places."""
    clients = [connect(), connect()]
    worker = clients[0][0].worker
    worker.places = Places(2, 1)
    worker.now = 1000.0
    for number, (connection, _) in enumerate(clients):
        connection.data_received(get("/health") if number else post(ROW))
        await settle()
        worker.now += 1.0
    return clients


def test_one_that_only_holds_its_place_gives_it_to_who_asks(tmp_path: Path) -> None:
    async def act(connect: Connect) -> None:
        (first, first_wire), (_, second_wire) = await two_guests(connect)
        connection, wire = connect()
        assert (first_wire.state(), second_wire.state()) == ("closed", "open")
        first.connection_lost(None)
        assert first.worker.room.leaving == 0
        connection.data_received(post(ROW))
        await settle()
        assert (statuses(wire.written), wire.state()) == ([200], "open")

    with_connections(tmp_path, act)


def test_one_whose_answer_is_not_taken_or_not_made_keeps_its_place(tmp_path: Path) -> None:
    async def act(connect: Connect) -> None:
        (first, first_wire), (second, second_wire) = await two_guests(connect)
        first.worker.now += 10 * IDLE_SECONDS
        first_wire.unwritten = 10
        second.data_received(post(ROW)[:-1])
        connection, wire = connect()
        connection.data_received(post(ROW))
        await settle()
        assert (first_wire.state(), second_wire.state()) == ("open", "open")
        assert (statuses(wire.written), wire.state()) == ([503], "closed")

    with_connections(tmp_path, act)


class LookedAt(Guest):
    """One that counts how often it is looked at, with all others."""

    looks = 0

    @property
    def idle_since(self) -> float | None:
        LookedAt.looks += 1
        return super().idle_since


def test_where_none_can_give_way_all_are_looked_at_once_a_second_and_not_for_each_who_comes() -> None:
    room, guests = Room(), [LookedAt(None) for _ in range(100)]
    assert not any(room.has_place(guests, 101, 100, 7.0) for _ in range(1000))
    assert LookedAt.looks == 100
    guests[3].since = 7.0 - IDLE_SECONDS
    assert room.has_place(guests, 101, 100, 8.0)
    assert [guest for guest in guests if guest.left] == [guests[3]]
