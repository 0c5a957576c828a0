"""The parser table: what each request made by hand gets at both doors, wherever it is cut, and how h11 sees it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Literal

import pytest

from tests.support.server.parser_table import Case, cuts, play, read_table, seen_by_h11, understood, verdict
from tests.support.server.wired import Connect, with_connections

CASES = read_table()
LEAST_CASES = 200
AFTER = b"GET /ping HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """uvicorn warns of each bad request at door one."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


async def answered(connect: Connect, *pieces: bytes) -> tuple[bytes, str]:
    """What a connection of its own answers to a request in pieces, and its state after."""
    connection, wire = connect()
    written = await play(connection, wire, *pieces)
    state = wire.state()
    connection.connection_lost(None)
    return written, state


def test_the_table_is_large_and_each_request_stands_once() -> None:
    assert len(CASES) >= LEAST_CASES
    assert len({case.data for case in CASES}) == len(CASES)


@pytest.mark.fault(1, 3, 4, 5)
@pytest.mark.parametrize("door", ["one", "two"])
def test_a_door_answers_as_the_table_says(tmp_path: Path, door: Literal["one", "two"]) -> None:
    async def act(connect: Connect) -> None:
        found = {(case.group, case.name): verdict(*await answered(connect, case.data)) for case in CASES}
        assert found == {(case.group, case.name): getattr(case, door) for case in CASES}

    with_connections(tmp_path, act, door)


@pytest.mark.fault(1, 3)
def test_a_request_cut_in_two_gets_the_same(tmp_path: Path) -> None:
    async def act(connect: Connect) -> None:
        different = []
        for case in CASES:
            for at in cuts(case.data):
                got = verdict(*await answered(connect, case.data[:at], case.data[at:]))
                if got != case.two:
                    different.append((case.group, case.name, at, got, case.two))
        assert different == []

    with_connections(tmp_path, act)


def test_where_h11_sees_it_otherwise_a_reason_is_given(tmp_path: Path) -> None:
    async def act(connect: Connect) -> None:
        for case in CASES:
            written, _ = await answered(connect, case.data)
            assert (understood(written) != seen_by_h11(case.data)) == bool(case.why), (case, understood(written))

    with_connections(tmp_path, act)


def followed(case: Case) -> bool:
    """Whether another request may follow it: it has ended, and so has the answer."""
    answers = [status for status in case.two.split()[:-1] if status != "100"]
    return case.two.endswith("open") and seen_by_h11(case.data + AFTER)[0] == len(answers) + 1


@pytest.mark.fault(1, 3)
def test_after_a_request_of_the_table_another_is_answered(tmp_path: Path) -> None:
    async def act(connect: Connect) -> None:
        whole = [case for case in CASES if followed(case)]
        assert len(whole) > LEAST_CASES // 4
        for case, together in product(whole, (True, False)):
            pieces = [case.data + AFTER] if together else [case.data, AFTER]
            written, state = await answered(connect, *pieces)
            assert verdict(written, state) == case.two.replace("open", "200 open"), case

    with_connections(tmp_path, act)
