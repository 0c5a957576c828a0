"""What a client's bytes cost, counted over requests that a generator makes: calls, objects, bytes of answers."""

from __future__ import annotations

import asyncio
import gc
import random
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

import pytest

from server.http.connection import Connection
from server.http.limits import HEADS_AT_ONCE, MAX_COLD_AHEAD, MAX_PIPELINED, PIECE_BYTES
from tests.support.server.doors import ROW, Wire, get, post
from tests.support.server.wired import settle, with_connection

SEGMENT = 40_000
# A FastAPI request costs some 300 calls of Python functions, for the 26 bytes of the shortest request.
CALLS_PER_BYTE = 20.0
CALLS_OF_A_SEGMENT = 3000  # whatever is in it
# An error of 300 bytes may answer 26.
ANSWER_PER_BYTE = 20.0


def words(chance: random.Random) -> bytes:
    """A header name or value, short or long."""
    return bytes(chance.choices(b"abcdefghijk-", k=chance.choice([1, 2, 8, 60, 500])))


def headers(chance: random.Random) -> list[bytes]:
    """Header lines, few or many, new ones each time."""
    return [words(chance) + b": " + words(chance) for _ in range(chance.choice([0, 1, 5, 40, 95]))]


def chunks(chance: random.Random) -> bytes:
    """A body in chunks of any size, with extensions and trailers."""
    sizes = [chance.choice([1, 1, 1, 7, 300]) for _ in range(chance.choice([1, 30, 2000]))]
    extension = chance.choice([b"", b"", b";a=" + words(chance)])
    body = b"".join(b"%x%b\r\n%b\r\n" % (size, extension, b" " * size) for size in sizes)
    return body + b"0\r\n" + b"".join(line + b"\r\n" for line in headers(chance)[:40]) + b"\r\n"


def one_request(chance: random.Random) -> bytes:
    """Any request: hot or cold, good or refused, upgrading, chunked, with heads that nobody has sent before."""
    path = chance.choice(["/predict", "/predict", "/health", "/nowhere", "/models/iris", "/" + "x" * 500, "/predict?a"])
    lines = headers(chance)
    if chance.random() < 0.3:
        lines += [b"Connection: Upgrade", b"Upgrade: h2c"]
    if chance.random() < 0.3:
        return get(path, chance.choice(["GET", "PUT", "DELETE"]), *lines)
    if chance.random() < 0.4:
        return post(b"", path, *lines).replace(b"Content-Length: 0", b"Transfer-Encoding: chunked") + chunks(chance)
    return post(chance.choice([ROW, b"{", b"", b" " * 3000]), path, *lines)


def mixed(seed: int) -> Iterator[bytes]:
    """Requests without end."""
    chance = random.Random(seed)
    while True:
        yield one_request(chance)


def the_same(seed: int) -> Iterator[bytes]:
    """One request again and again."""
    request = one_request(random.Random(1000 + seed))
    while True:
        yield request


def segment(requests: Iterator[bytes]) -> bytes:
    """One segment of them."""
    data = bytearray()
    while len(data) < SEGMENT:
        data += next(requests)
    return bytes(data)


class Calls:
    """Counts the calls of Python functions within the block."""

    def __enter__(self) -> Calls:
        self.count = 0
        sys.setprofile(self._note)
        return self

    def _note(self, frame: FrameType, event: str, argument: object) -> None:
        self.count += event == "call"

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)


async def until_quiet(connection: Connection) -> None:
    """Lets the loop turn until nothing is owed."""
    for _ in range(100_000):
        await asyncio.sleep(0)
        cycle = connection.cycle
        cold = cycle is not None and not cycle.response_complete
        if not (connection.exchanges or connection.flow.parse_on or cold):
            return


@pytest.mark.fault(8)
@pytest.mark.parametrize("make", [mixed, the_same])
@pytest.mark.parametrize("seed", range(5))
def test_a_byte_costs_a_bounded_number_of_calls_and_answers(
    tmp_path: Path, make: Callable[[int], Iterator[bytes]], seed: int
) -> None:
    async def act(connection: Connection, wire: Wire, now: float) -> None:
        data = segment(make(seed))
        with Calls() as calls:
            connection.data_received(data)
            await until_quiet(connection)
        assert calls.count < CALLS_OF_A_SEGMENT + CALLS_PER_BYTE * len(data)
        assert len(wire.written) < ANSWER_PER_BYTE * len(data)

    with_connection(tmp_path, act)


@pytest.mark.parametrize("seed", range(6))
def test_what_is_parsed_and_unanswered_is_bounded(tmp_path: Path, seed: int) -> None:
    async def act(connection: Connection, wire: Wire, now: float) -> None:
        connection.data_received(segment(the_same(seed)))
        shortest = len(get("/health"))
        for _ in range(1000):
            owed = len(connection.exchanges)
            assert owed <= MAX_PIPELINED + 1 + PIECE_BYTES // shortest
            await asyncio.sleep(0)

    with_connection(tmp_path, act)


@pytest.mark.fault(7)
@pytest.mark.parametrize(("request_", "most"), [(get("/nowhere"), MAX_COLD_AHEAD), (post(ROW), MAX_PIPELINED)])
def test_many_requests_in_a_small_segment_are_answered_and_few_looked_at(
    tmp_path: Path, request_: bytes, most: int
) -> None:
    """A cold one keeps some kilobytes until its turn, and two hundred are in 8 KB."""

    async def act(connection: Connection, wire: Wire, now: float) -> None:
        count = PIECE_BYTES // len(request_)
        connection.data_received(request_ * count)
        for _ in range(100_000):
            assert len(connection.exchanges) <= most + HEADS_AT_ONCE
            await asyncio.sleep(0)
            if wire.written.count(b"HTTP/1.1 ") == count:
                return
        raise AssertionError(f"{wire.written.count(b'HTTP/1.1 ')} of {count} were answered")

    with_connection(tmp_path, act)


@pytest.mark.fault(8)
@pytest.mark.parametrize("path", ["/predict", "/predict?a"])
def test_a_body_in_chunks_of_one_byte_costs_by_its_length(tmp_path: Path, path: str) -> None:
    counts = []

    async def act(connection: Connection, wire: Wire, now: float) -> None:
        for size in (10_000, 20_000, 40_000):
            head = post(b"", path).replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
            with Calls() as calls:
                for at in range(0, size, 1000):
                    connection.data_received((head if not at else b"") + b"1\r\n \r\n" * 1000)
                connection.data_received(b"0\r\n\r\n")
                await until_quiet(connection)
            counts.append(calls.count)

    with_connection(tmp_path, act)
    few, some, many = counts
    assert many - some < 2.2 * (some - few)
    assert many < 6 * 40_000


@pytest.mark.fault(4)
def test_new_heads_leave_a_bounded_memory(tmp_path: Path) -> None:
    async def act(connection: Connection, wire: Wire, now: float) -> None:
        chance, held = random.Random(1), []
        for count in (50, 50, 50):
            for _ in range(count):
                lines = [b"%x: %x" % (chance.getrandbits(64), chance.getrandbits(64)) for _ in range(90)]
                connection.data_received(post(ROW, "/predict", *lines))
                await settle()
                wire.written = b""
            gc.collect()
            held.append(len(gc.get_objects()))
        cache = connection.worker.head_cache
        assert cache.remembered() <= 2048
        assert held[2] - held[1] < 50

    with_connection(tmp_path, act)
