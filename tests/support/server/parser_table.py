"""Reads the parser table and plays its requests: to both doors on a transport of the test's own, and to h11."""

from __future__ import annotations

import asyncio
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import h11
import orjson
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from server.http.cold.place import ColdPlace
from tests.support.server.wired import PausingWire

TABLE = Path(__file__).parents[2] / "integration" / "answers" / "parser_table.toml"
CUT_BYTES = 300  # of a request, within which it is cut
PATIENCE = 1_000_000  # turns within which a whole request is answered
TURNS = 15  # of the loop, within which a request is refused whose body has not come
# Codes of answers that say that a request is not HTTP as we take it. They end the connection.
NOT_HTTP = frozenset({"bad_request", "uri_too_long", "headers_too_large", "body_too_large"})


@dataclass(frozen=True)
class Case:
    """A request as bytes. ``one``, ``two``: statuses and the fate of the connection; ``why`` h11 sees it otherwise."""

    group: str
    name: str
    data: bytes
    one: str
    two: str
    why: str


def read_table() -> list[Case]:
    """The cases of the table."""
    groups = tomllib.loads(TABLE.read_text())
    return [
        Case(group, name, expand(case["raw"]), case["one"], case["two"], case.get("why", ""))
        for group, cases in groups.items()
        for name, case in cases.items()
    ]


def expand(raw: str) -> bytes:
    """The bytes of a text, character by byte; ``<x*300>`` stands for 300 times x."""
    return re.sub(r"<(.)\*([0-9]+)>", lambda match: match[1] * int(match[2]), raw).encode("latin-1")


def cuts(data: bytes) -> Iterator[int]:
    """Where to cut a request in two: within and after ends of lines, and within its first word."""
    ends = [match.start() for match in re.finditer(rb"[\r\n;]", data[:CUT_BYTES])]
    places = {end + 1 for end in ends} | {match.end() for match in re.finditer(rb"^[^\r\n]{1,40}?[: ]", data)}
    return iter(sorted(place for place in places if 0 < place < len(data)))


async def play(connection: HttpToolsProtocol, wire: PausingWire, *pieces: bytes) -> bytes:
    """What a connection answers; like a socket, it gets nothing once it has closed."""
    for piece in pieces:
        if wire.state() == "open":
            connection.data_received(piece)
        for _ in range(TURNS):
            await asyncio.sleep(0)
        for _ in range(PATIENCE):
            if not owes(connection) or wire.state() != "open":
                break
            await asyncio.sleep(0)
    return wire.written


def owes(connection: HttpToolsProtocol) -> bool:
    """Whether a whole request is unanswered."""
    hot = [exchange for exchange in getattr(connection, "exchanges", ()) if exchange is not reading(connection)]
    unparsed = getattr(connection.flow, "parse_on", None) is not None
    cycle = connection.cycle
    cold = cycle is not None and not (cycle.response_complete or cycle.disconnected or cycle.more_body)
    return bool(hot or unparsed or cold or connection.pipeline)


def reading(connection: HttpToolsProtocol) -> object:
    """The request whose body is being read, if it has its place among those to be answered."""
    exchanges = getattr(connection, "exchanges", ())
    if exchanges and isinstance(exchanges[-1], ColdPlace) and exchanges[-1].cycle.more_body:
        return exchanges[-1]
    return getattr(connection, "_exchange", None)


def verdict(written: bytes, state: str) -> str:
    """Statuses and the fate of the connection, as the table tells them."""
    return " ".join([*re.findall(r"HTTP/1\.1 ([0-9]{3}) ", written.decode("latin-1")), state])


def understood(written: bytes) -> tuple[int, bool]:
    """How many requests were HTTP, and whether one was not."""
    count, refused = 0, False
    while written:
        head, _, written = written.partition(b"\r\n\r\n")
        length = re.search(rb"content-length: ([0-9]+)", head)
        size = int(length[1]) if length and not written.startswith(b"HTTP/1.1 ") else 0  # none after a HEAD
        body, written = written[:size], written[size:]
        code = orjson.loads(body).get("code", "") if body.startswith(b"{") else ""
        if code in NOT_HTTP and b"connection: close" in head:
            refused = True
        elif not head.startswith(b"HTTP/1.1 1"):
            count += 1
    return count, refused


def seen_by_h11(data: bytes) -> tuple[int, bool]:
    """The same as h11 sees it: how many whole requests, and whether it refuses one."""
    parser = h11.Connection(h11.SERVER, max_incomplete_event_size=16_384)
    parser.receive_data(data)
    count = 0
    try:
        while True:
            event = parser.next_event()
            if event is h11.NEED_DATA:
                return count, False
            if event is h11.PAUSED:
                if parser.our_state is h11.MUST_CLOSE or parser.their_state is not h11.DONE:
                    return count, False
                parser.start_next_cycle()
            elif isinstance(event, h11.EndOfMessage):
                count += 1
                parser.send(h11.Response(status_code=404, headers=[("Content-Length", "0")]))
                parser.send(h11.EndOfMessage())
                if parser.our_state is not h11.DONE:
                    return count, False
                parser.start_next_cycle()
    except h11.RemoteProtocolError:
        return count, True
