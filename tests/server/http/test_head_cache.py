"""A head that is recognised gets the answer that the parser would give it; whatever is odd goes to the parser."""

from __future__ import annotations

import asyncio
import dataclasses
import gzip
import zlib
from collections import Counter
from collections.abc import Callable
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
import uvloop
from hypothesis import given, settings
from hypothesis import strategies as st
from uvicorn.config import Config
from uvicorn.server import ServerState

from server.endpoints.framing import Headers
from server.endpoints.lifecycle import Endpoints
from server.errors import ServerError
from server.http import head_cache
from server.http.connection import Connection
from server.http.head_cache import HeadCache
from server.http.keyed import connection_class
from server.metrics.scoreboard import Scoreboard
from server.models.repository import Repository
from server.settings import read_settings
from tests.support.server import models
from tests.support.server.doors import ROW, Wire, load, masked, post
from tests.support.server.rig import Curve
from tests.support.server.wired import Connect, with_connections

HEADERS = ((b"Host", b"test"), (b"Content-Type", b"application/json"), (b"Content-Length", b"30"))


@pytest.fixture
def known() -> HeadCache[str]:
    cache: HeadCache[str] = HeadCache({b"/predict": "iris"})
    cache.learn(HEADERS, "iris")
    return cache


def request(*headers: tuple[bytes, bytes], body: bytes = ROW, line: bytes = b"POST /predict HTTP/1.1") -> bytes:
    return b"\r\n".join([line, *(b"%b: %b" % header for header in headers), b"", b""]) + body


def test_a_head_whose_lines_have_passed_is_recognised_again_and_again(known: HeadCache[str]) -> None:
    for _ in range(3):
        assert known.recognise(request(*HEADERS)) == ("iris", None, None, ROW, None)


@pytest.mark.parametrize("value", [b"no-store", b"NO-STORE", b"max-age=0,no-store", b" no-store"])
def test_a_head_that_forbids_storing_is_never_recognised(known: HeadCache[str], value: bytes) -> None:
    headers = (*HEADERS, (b"Cache-Control", value))
    known.learn(headers, "iris")
    assert known.recognise(request(*headers)) is None
    harmless = (*HEADERS, (b"Cache-Control", b"no-cache"))
    known.learn(harmless, "iris")
    assert known.recognise(request(*harmless)) is not None


def test_ids_and_lengths_are_read_where_they_differ(known: HeadCache[str]) -> None:
    own = ((b"x-request-id", b"a-1"), (b"X-Request-Start", b"1790000000000"))
    for number in range(3):
        body = ROW + b" " * number
        headers = (*HEADERS[:2], (b"Content-Length", b"%d" % len(body)), *own)
        assert known.recognise(request(*headers, body=body)) == ("iris", b"a-1", b"1790000000000", body, None)


@pytest.mark.parametrize(
    "data",
    [
        request(*HEADERS[:2]),
        request(*HEADERS, HEADERS[2]),
        request(*HEADERS, HEADERS[0]),
        request(*HEADERS[1:]),
        request(*HEADERS, (b"Host", b"other")),
        request(*HEADERS, (b"content-length", b"30")),
        request(*HEADERS, (b"X-New", b"1")),
        request(*HEADERS, (b"X-Request-ID", b"a b")),
        request(*HEADERS, line=b"POST /predict HTTP/1.0"),
        request(*HEADERS, line=b"GET /predict HTTP/1.1"),
        request(*HEADERS, line=b"POST /other HTTP/1.1"),
        request(*HEADERS, body=ROW + b" "),
        request(*HEADERS, body=ROW[:-1]),
        request(*HEADERS).replace(b"\r\n", b"\n"),
        b"\r\n\r\n",
        b"",
    ],
)
def test_what_is_odd_is_the_parsers(known: HeadCache[str], data: bytes) -> None:
    for _ in range(2):
        assert known.recognise(data) is None


@pytest.mark.parametrize(
    "header",
    [
        (b"Transfer-Encoding", b"chunked"),
        (b"Connection", b"close"),
        (b"Connection", b"Upgrade"),
        (b"Upgrade", b"h2c"),
        (b"Expect", b"100-continue"),
        (b"Origin", b"https://example.org"),
        (b"Authorization", b"Bearer x"),
        (b"Content-Encoding", b"gzip"),
        (b"X-Long", b"x" * head_cache.MAX_LINE_BYTES),
    ],
)
def test_some_lines_are_never_remembered(known: HeadCache[str], header: tuple[bytes, bytes]) -> None:
    known.learn((*HEADERS, header), "iris")
    assert known.recognise(request(*HEADERS, header)) is None


def test_lines_of_a_router_that_never_return_are_recognised_and_not_remembered(known: HeadCache[str]) -> None:
    def from_client(number: int) -> list[tuple[bytes, bytes]]:
        return [
            *HEADERS,
            (b"X-Request-Id", b"%032x" % number),
            (b"X-Forwarded-For", b"6.6.6.6, 10.%d.%d.%d" % (number >> 16, number >> 8 & 255, number & 255)),
            (b"Via", b"1.1 proxy-%d, 1.1 heroku-router" % number),
            (b"x-request-start", b"%d" % (1_700_000_000_000 + number)),
            (b"Traceparent", b"00-%032x-01" % number),
            (b"COOKIE", b"session=%d" % number),
        ]

    known.learn(from_client(0), "iris")
    remembered = known.remembered()
    for number in range(1, 3 * head_cache.MAX_LINES):
        found = known.recognise(request(*from_client(number)))
        assert found is not None
        assert found[:2] == ("iris", b"%032x" % number)
        known.learn(from_client(number), "iris")
    assert known.remembered() == remembered
    assert not known._heads


@pytest.mark.parametrize("value", [b"1.1\x00", b"1.1\x7f", b"\x01", b"a\tb", b"\xff", b"a\rb"])
def test_an_odd_byte_in_a_line_of_a_router_is_the_parsers(known: HeadCache[str], value: bytes) -> None:
    known.learn([*HEADERS, (b"Via", b"1.1 a")], "iris")
    assert known.recognise(request(*HEADERS, (b"Via", b"1.1 b"))) is not None
    assert known.recognise(request(*HEADERS, (b"Via", value))) is None


def test_what_is_remembered_is_bounded(known: HeadCache[str]) -> None:
    for number in range(3 * head_cache.MAX_LINES):
        known.learn([(b"X-A", b"%d" % number)], "iris")
    assert known.remembered() <= head_cache.MAX_LINES
    known.learn(HEADERS, "iris")
    for number in range(3 * head_cache.MAX_LINES):
        body = b" " * number
        known.recognise(request(*HEADERS[:2], (b"Content-Length", b"%d" % number), body=body))
    assert len(known._heads) <= head_cache.MAX_LINES


def media(headers: Headers) -> bytes:
    """What a route reads: its one X-Media, as a new object each time."""
    values = [value for name, value in headers if name == b"X-Media"]
    if len(values) > 1:
        raise ServerError("bad_request", "one X-Media")
    return b"as " + b"".join(values)


@pytest.fixture
def read() -> HeadCache[str]:
    cache: HeadCache[str] = HeadCache({b"/predict": "iris"}, reader=lambda route: media)
    for value in (b"a", b"b"):
        cache.learn((*HEADERS, (b"X-Media", value)), "iris")
    return cache


def test_what_a_route_reads_is_read_of_the_lines_of_each_head(read: HeadCache[str]) -> None:
    for value in (b"a", b"b") * 2:
        found = read.recognise(request(*HEADERS, (b"X-Media", value)))
        assert found == ("iris", None, None, ROW, b"as " + value)
    assert read.recognise(request(*HEADERS)) == ("iris", None, None, ROW, b"as ")


def test_lines_that_passed_apart_and_not_together_are_the_parsers(read: HeadCache[str]) -> None:
    for _ in range(2):
        assert read.recognise(request(*HEADERS, (b"X-Media", b"a"), (b"X-Media", b"b"))) is None


def test_what_was_read_is_remembered_by_its_lines_beside_those_that_differ(read: HeadCache[str]) -> None:
    told = [
        read.recognise(request(*HEADERS, (b"X-Media", b"a"), (b"X-Request-Id", b"%d" % number))) for number in range(9)
    ]
    assert [found and found[1] for found in told] == [b"%d" % number for number in range(9)]
    assert len({id(found and found[4]) for found in told}) == 1
    assert len(read._read) == 1


def test_what_was_read_is_bounded(read: HeadCache[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(head_cache, "MAX_LINES", 8)
    for number in range(50):
        head = (*HEADERS, (b"X-Media", b"%d" % number))
        for _ in range(2):  # the first may have ended with all lines cleared but its last
            read.learn(head, "iris")
        found = read.recognise(request(*head, (b"X-Request-Id", b"1")))
        assert found is not None
        assert found[4] == b"as %d" % number
        assert len(read._read) <= 8


# The same bytes to a connection that recognises heads and to one that never does.

Mutation = Callable[[list[bytes], int, bytes], list[bytes]]
Ask = Callable[[bool, list[list[bytes]]], list[tuple[bytes, str]]]
LINES = (
    b"Host: test",
    b"host: other",
    b"Content-Length: 30",
    b"content-length:30",
    b"Content-Length: 31",
    b"Content-Length: 030",
    b"Content-Length: -1",
    b"Transfer-Encoding: chunked",
    b"Connection: close",
    b"Connection: keep-alive",
    b"Connection: Upgrade",
    b"Upgrade: h2c",
    b"X-Request-ID: abc-1",
    b"X-Request-ID: a b",
    b"X-Request-Start: 5",
    b"X-Forwarded-For: 6.6.6.6, 10.0.0.1",
    b"x-forwarded-for: " + bytes(range(32, 127)),
    b"Via: \x7f",
    b"Via:  \t1.1 b",
    b"Cookie: a=\xff",
    b"Cookie: ",
    b"Content-Type: text/csv",
    b"Content-Encoding: identity",
    b" folded",
    b"no colon",
    b"Bad Name: x",
    b"Nul: \x00",
    b"",
)
MUTATIONS: tuple[Mutation, ...] = (
    lambda lines, at, line: [*lines[:at], line, *lines[at:]],
    lambda lines, at, line: [*lines[:at], line, *lines[at + 1 :]],
    lambda lines, at, line: lines[:at] + lines[at + 1 :],
    lambda lines, at, line: [*lines[:at], lines[at].swapcase(), *lines[at + 1 :]],
    lambda lines, at, line: [*lines[:at], lines[at].replace(b": ", b":"), *lines[at + 1 :]],
    lambda lines, at, line: [*lines[:at], lines[at] + b" ", *lines[at + 1 :]],
    lambda lines, at, line: [lines[0].replace(b"/predict", b"/predict?x"), *lines[1:]],
)


V2 = b'{"inputs":[{"name":"X","shape":[1,4],"datatype":"FP32","data":[5.1,3.5,1.4,0.2]}]}'
READ_LINES = (
    b"Content-Encoding: gzip",
    b"content-encoding: GZIP",
    b"Content-Encoding: deflate",
    b"Content-Encoding: identity",
    b"Accept-Encoding: gzip",
    b"Accept-Encoding: gzip, deflate",
    b"Inference-Header-Content-Length: %d" % len(V2),
    b"Inference-Header-Content-Length: 1",
    b"Inference-Header-Content-Length: x",
    b"Content-Type: text/csv",
    b"Content-Type: application/json; charset=utf-8",
    b"Content-Type: application/json; charset=latin-1",
)
CSV = b"sepal length (cm),sepal width (cm),petal length (cm),petal width (cm)\n5.1,3.5,1.4,0.2\n"
ASKED = (
    *(("/v2/models/iris/infer", body) for body in (V2, gzip.compress(V2, mtime=0), zlib.compress(V2))),
    *(("/invocations", body) for body in (b'{"inputs":[[5.1,3.5,1.4,0.2]]}', CSV)),
)


def reading() -> list[bytes]:
    """Requests of protocols that read headers: each line above, so that it is known; then each beside each other."""
    alone = [post(body, path, line) for path, body in ASKED for line in READ_LINES]
    return alone + [post(body, path, *pair) for path, body in ASKED for pair in permutations(READ_LINES, 2)]


def warming() -> list[bytes]:
    """Requests that bring every line above to a place where it may pass, so that it is known if it ever can be."""
    whole = [post(ROW), post(ROW), post(ROW).replace(b"Host: test", b"host: other")]
    whole += [post(ROW, "/predict", line) for line in LINES if line]
    whole.append(post(ROW + b" "))
    chunked = b"1e\r\n" + ROW + b"\r\n0\r\n\r\n"
    length = b"Content-Length: %d" % len(chunked)
    return [*whole, post(chunked).replace(length, b"Transfer-Encoding: chunked")]


@st.composite
def streams(draw: st.DrawFn) -> bytes:
    lines = post(ROW)[: -len(ROW) - 4].split(b"\r\n")
    for _ in range(draw(st.integers(0, 2))):
        at = draw(st.integers(0, len(lines) - 1))
        lines = draw(st.sampled_from(MUTATIONS))(lines, at, draw(st.sampled_from(LINES))) or lines
    end = draw(st.sampled_from([b"\r\n", b"\r\n", b"\r\n", b"\n"]))
    tail = draw(st.sampled_from([b"", b"", b"", b" ", post(ROW), b"\r\n"]))
    return end.join([*lines, b"", b""]) + draw(st.sampled_from([ROW, ROW, ROW[:-1], ROW + b"x"])) + tail


def every_single_change() -> list[bytes]:
    """An ordinary request with each line above once inserted and once put in the place of each of its own."""
    lines = post(ROW)[: -len(ROW) - 4].split(b"\r\n")
    changed = [
        mutation(lines, at, line) for mutation in MUTATIONS[:2] for at in range(1, len(lines)) for line in LINES if line
    ]
    return [b"\r\n".join([*some, b"", b""]) + ROW for some in changed]


def test_every_line_in_every_place_is_answered_as_by_the_parser(ask: Ask) -> None:
    requests = every_single_change()
    recognised, parsed = (ask(recognising, [[request] for request in requests]) for recognising in (True, False))
    answers = zip(requests, recognised, parsed, strict=True)
    assert [request for request, answer, by_parser in answers if answer != by_parser] == []


def test_what_is_read_from_remembered_heads_is_what_their_lines_say(ask: Ask) -> None:
    requests = reading()
    recognised, parsed = (ask(recognising, [[request] for request in requests]) for recognising in (True, False))
    answers = zip(requests, recognised, parsed, strict=True)
    assert [request for request, answer, by_parser in answers if answer != by_parser] == []
    statuses = Counter(raw.split(b" ", 2)[1] for raw, _ in recognised)
    assert {b"200", b"400", b"415"} <= statuses.keys()


def test_every_way_to_send_a_row_is_recognised_the_second_time(tmp_path: Path) -> None:
    async def act(connect: Connect) -> None:
        connection, wire = connect()
        for path, body, *lines in (
            ("/predict", ROW),
            ("/invocations", ASKED[3][1]),
            ("/invocations", ASKED[4][1], b"Content-Type: text/csv"),
            ("/v2/models/iris/infer", V2),
            ("/v2/models/iris/infer", V2, READ_LINES[6]),
            ("/v2/models/iris/infer", ASKED[1][1], b"Content-Encoding: gzip"),
        ):
            data = post(body, path, *lines)
            assert connection.worker.recognise(data) is None
            wire.written = b""
            connection.data_received(data)
            for _ in range(1_000_000):  # turns of the loop
                if wire.written:
                    break
                await asyncio.sleep(0)
            assert wire.written.startswith(b"HTTP/1.1 200 ")
            assert connection.worker.recognise(data) is not None

    with_connections(tmp_path, act)


@settings(max_examples=settings().max_examples // 4)  # each has four connections to one worker, which costs most
@given(st.lists(st.lists(streams(), min_size=1, max_size=3), min_size=4, max_size=4))
def test_recognised_or_parsed_the_answer_is_the_same(ask: Ask, connections: list[list[bytes]]) -> None:
    assert ask(True, connections) == ask(False, connections)


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Ask:
    """Answers the chunks of each connection, in a worker that knows all lines that can be known; with how it ended."""
    folder: Path = tmp_path_factory.mktemp("m")
    defaults = read_settings({})
    loaded = load(folder, {"iris": models.classifier()}, defaults)
    # On a busy machine a learned curve may send a run to its thread, whose answer no counted turn of the loop awaits.
    repository = Repository([dataclasses.replace(model, curve=Curve()) for model in loaded], {})

    async def ask_all(recognising: bool, connections: list[list[bytes]]) -> list[tuple[bytes, str]]:
        endpoints = Endpoints(repository, defaults, Scoreboard(1, 1), 1)
        endpoints.open(0)
        config = Config(lambda scope: None, http=connection_class(endpoints), log_config=None)
        config.load()
        state = ServerState()
        told = [
            await ask_one(config, state, recognising, chunks)
            for chunks in [*([request] for request in warming()), *connections]
        ]
        endpoints.close()
        for task in list(state.tasks):
            task.cancel()
        return told[len(warming()) :]

    return lambda recognising, connections: uvloop.run(ask_all(recognising, connections))


async def ask_one(config: Config, state: ServerState, recognising: bool, chunks: list[bytes]) -> tuple[bytes, str]:
    made: Any = config.http_protocol_class
    connection: Connection = made(config, state, {})
    wire = Wire()
    connection.connection_made(wire)  # type: ignore[arg-type]
    if not recognising:
        connection.worker.recognise = lambda data: None
    for chunk in chunks:
        if wire.state() == "open":
            connection.data_received(chunk)
        for _ in range(4):
            await asyncio.sleep(0)
    return masked(wire.written), wire.state()
