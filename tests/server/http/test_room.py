"""Where all places are taken, the connections that have asked nothing for the longest give way to new ones."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from server.http.connection import Connection
from server.http.places import Places
from server.http.room import AT_ONCE, IDLE_SECONDS, Room
from tests.support.server.doors import ROW, Wire, get, post
from tests.support.server.wired import Connect, settle, statuses, with_connections


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
    assert [number for number, guest in enumerate(guests) if guest.left] == list(range(AT_ONCE))
    assert room.leaving == AT_ONCE
    assert room.has_place(guests, 100 + AT_ONCE, 100, 1000.0)  # these have a place each
    assert sum(guest.left for guest in guests) == AT_ONCE


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
