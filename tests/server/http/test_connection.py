"""Door two on raw sockets: order, framing, malformed requests, disconnecting clients, retiring."""

from __future__ import annotations

import contextlib
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from server.http.connection import Connection
from tests.support.server import models
from tests.support.server.doors import ROW, Door, Wire, check_refused, get, open_door, post
from tests.support.server.wired import settle, statuses, with_connection

MANY = 2000  # rows of an answer that fills the buffers of a client who does not read


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    made = {"iris": models.classifier(), "lookup": models.table_lookup(1000)}
    with open_door("two", tmp_path_factory.mktemp("m"), made, DEFAULT_MODEL="iris", MAX_BODY_BYTES="100000") as opened:
        yield opened


def lookup(number: int) -> bytes:
    """A request whose answer tells which it was."""
    return post(b'{"features":[%d]}' % number, "/models/lookup/predict")


def looked_up(body: bytes) -> int:
    """The number of the request that this answers."""
    row = next(iter(orjson.loads(body)["outputs"].values()))
    return int(row[0] if isinstance(row, list) else row)


@pytest.mark.fault(7)
def test_pipelined_requests_are_answered_in_order(door: Door) -> None:
    client = door.connect().send(b"".join(lookup(number) for number in range(300)))
    first = [looked_up(client.read().body) for _ in range(300)]
    alone = [looked_up(door.ask(lookup(number)).body) for number in range(0, 300, 37)]
    assert first[::37] == alone
    assert len(set(first)) == 300
    client.close()


@pytest.mark.fault(7)
def test_hot_and_cold_requests_mix_on_one_connection(door: Door) -> None:
    requests = [lookup(1), get("/health"), lookup(2), lookup(3), get("/nowhere"), get("/health"), lookup(4), post(b"{")]
    client = door.connect().send(b"".join(requests * 5))
    alone = [door.ask(request).masked for request in requests]
    assert [client.read().masked for _ in range(len(requests) * 5)] == alone * 5
    client.close()


def test_a_cold_body_waits_for_hot_answers_before_it(door: Door) -> None:
    cold = post(b'{"features":[5]}', "/models/lookup/predict?x")
    client = door.connect().send(lookup(1) + cold + lookup(2))
    assert [client.read().status for _ in range(3)] == [200, 200, 200]
    client.close()


def test_a_request_split_at_every_byte(door: Door) -> None:
    request = post(ROW)
    whole = door.ask(request).masked
    client = door.connect()
    for at in range(1, len(request)):
        client.send(request[:at])
        client.send(request[at:])
        assert client.read().masked == whole
    client.close()


def test_a_request_byte_by_byte(door: Door) -> None:
    client = door.connect()
    for byte in post(ROW) + get("/health"):
        client.send(bytes([byte]))
    assert client.read().status == 200
    assert client.read().body == b'{"status":"ok"}'
    client.close()


def test_a_chunked_body_in_pieces(door: Door) -> None:
    head = post(b"").replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
    client = door.connect().send(head)
    for at in range(len(ROW)):
        client.send(b"1\r\n" + ROW[at : at + 1] + b"\r\n")
    answer = client.send(b"0\r\n\r\n").read()
    assert answer.masked == door.ask(post(ROW)).masked
    client.close()


@pytest.mark.fault(8)
def test_a_chunked_body_over_the_limit_is_refused_at_the_limit(door: Door) -> None:
    client = door.connect().send(post(b"").replace(b"Content-Length: 0", b"Transfer-Encoding: chunked"))
    client.send(b"ffff\r\n" + b" " * 0xFFFF + b"\r\n" + b"ffff\r\n" + b" " * 0xFFFF + b"\r\n")
    answer = client.read()
    assert (answer.status, answer.headers["connection"]) == (413, "close")
    assert client.ended()


def test_an_expectation_is_met_before_the_body_is_sent(door: Door) -> None:
    client = door.connect().send(post(ROW, "/predict", b"Expect: 100-continue")[: -len(ROW)])
    assert client.read(head_only=True).status == 100
    assert client.send(ROW).read().status == 200
    client.close()


@pytest.mark.fault(8)
def test_an_expectation_of_too_much_is_refused_without_a_100(door: Door) -> None:
    client = door.connect().send(post(b"", "/predict", b"Expect: 100-continue", length=10**9))
    assert client.read().status == 413
    client.close()


def test_connection_close_and_http_1_0_end_the_connection(door: Door) -> None:
    for request in (post(ROW, "/predict", b"Connection: close"), post(ROW).replace(b"HTTP/1.1", b"HTTP/1.0")):
        client = door.connect().send(request)
        answer = client.read()
        assert (answer.status, answer.headers["connection"]) == (200, "close")
        assert client.ended()


CHUNKS = post(b"").replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
UPGRADE = (b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAEAAEAAAAIAAAAB")
CHUNKED = post(b"", "/predict", *UPGRADE).replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
# Requests that ask for another protocol, and what the same request gets that does not.
UPGRADING = {
    "a hot one": (post(ROW, "/predict", *UPGRADE), post(ROW)),
    "websocket": (post(ROW, "/predict", b"Upgrade: websocket", b"Connection: keep-alive, upgrade"), post(ROW)),
    "a cold one": (post(ROW, "/predict?x", *UPGRADE), post(ROW, "/predict?x")),
    "without a body": (get("/health", "GET", *UPGRADE), get("/health")),
    "a chunked one": (CHUNKED + b"%x\r\n%b\r\n0\r\n\r\n" % (len(ROW), ROW), post(ROW)),
    "a chunked one with a trailer": (CHUNKED + b"%x\r\n%b\r\n0\r\nA: b\r\n\r\n" % (len(ROW), ROW), post(ROW)),
    "a cold chunked one": (
        CHUNKED.replace(b"/predict", b"/predict?x") + b"%x\r\n%b\r\n0\r\n\r\n" % (len(ROW), ROW),
        post(ROW, "/predict?x"),
    ),
    "a refused one": (post(b"{", "/predict", *UPGRADE), post(b"{")),
}


@pytest.mark.fault(3, 5)
@pytest.mark.parametrize("what", UPGRADING)
def test_an_upgrade_is_ignored_wherever_the_request_is_cut(door: Door, what: str) -> None:
    request, plain = UPGRADING[what]
    alone = [door.ask(data).masked for data in (plain, get("/version"))]
    client = door.connect()
    for at in range(len(request)):
        client.send(request[:at])
        client.send(request[at:] + get("/version"))
        assert [client.read().masked for _ in range(2)] == alone
    client.close()


@pytest.mark.fault(3)
def test_an_upgrade_byte_by_byte(door: Door) -> None:
    client = door.connect()
    for byte in post(ROW, "/predict", *UPGRADE) + CHUNKED + b"1e\r\n" + ROW + b"\r\n0\r\n\r\n":
        client.send(bytes([byte]))
    plain = door.ask(post(ROW)).masked
    assert [client.read().masked for _ in range(2)] == [plain] * 2
    client.close()


@pytest.mark.fault(3, 5)
def test_many_upgrades_in_one_segment(door: Door) -> None:
    request = post(ROW, "/predict", *UPGRADE)
    client = door.connect().send((request + get("/health", "GET", *UPGRADE)) * 200)
    assert [client.read().status for _ in range(400)] == [200] * 400
    client.close()


@pytest.mark.fault(3)
def test_a_body_is_never_the_next_request(door: Door) -> None:
    inner = get("/version")
    client = door.connect().send(post(b"", "/predict", *UPGRADE, length=len(inner))).send(inner)
    answer = client.read()
    assert (answer.status, orjson.loads(answer.body)["code"]) == (400, "bad_json")
    assert orjson.loads(client.send(get("/health")).read().body) == {"status": "ok"}
    client.close()


@pytest.mark.fault(5)
def test_a_tunnel_is_refused_with_all_that_follows(door: Door) -> None:
    for target in (b"example.org:443", b"/predict"):
        check_refused(door, lookup(1), b"CONNECT %b HTTP/1.1\r\nHost: x\r\n\r\n" % target + get("/version"), 400)


def trailed(*trailers: bytes, path: str = "/predict") -> bytes:
    """A chunked request with trailers."""
    head = post(b"", path).replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
    return head + b"%x\r\n%b\r\n0\r\n" % (len(ROW), ROW) + b"".join(line + b"\r\n" for line in trailers) + b"\r\n"


@pytest.mark.fault(4)
@pytest.mark.parametrize("path", ["/predict", "/predict?x", "/invocations"])
def test_trailers_are_counted_and_ignored(door: Door, path: str) -> None:
    told = [b"Content-Type: text/csv", b"X-Request-ID: a", b"Authorization: x", b"Host: a/b", b"Upgrade: x"]
    request = trailed(*told, path=path)
    client = door.connect()
    for at in range(0, len(request), 5):
        client.send(request[:at])
        client.send(request[at:])
        assert client.read().masked == door.ask(trailed(path=path)).masked
    client.close()


TOO_MANY_TRAILERS = {
    "many": [b"A%d: b" % number for number in range(200)],
    "large": [b"A: " + b"x" * 20_000],
    "large together": [b"A: " + b"x" * 4000] * 5,
    "without end": [b"A: " + b"x" * 500_000],
}


@pytest.mark.fault(4)
@pytest.mark.parametrize("what", TOO_MANY_TRAILERS)
@pytest.mark.parametrize("path", ["/models/lookup/predict", "/predict?x"])
def test_too_many_trailers_are_refused_and_the_connection_ends(door: Door, what: str, path: str) -> None:
    client = door.connect()
    with contextlib.suppress(ConnectionError):
        client.send(lookup(1) + trailed(*TOO_MANY_TRAILERS[what], path=path))
    assert client.read().status == 200
    answer = client.read()
    assert (answer.status, answer.headers["connection"]) == (431, "close")
    assert client.ended()


@pytest.mark.fault(3, 4)
def test_an_endless_chunk_extension_is_refused(door: Door) -> None:
    client = door.connect().send(CHUNKS + b"1;a=")
    with contextlib.suppress(ConnectionError):
        for _ in range(20):
            client.send(b"x" * 8000)
    assert client.read().status == 431
    client.close()


# Bytes that are not HTTP as we take it, and the status they get. After each the connection ends.
MALFORMED = {
    "a TLS hello": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(50), 400),
    "noise": (b"\xff\x00\xfe GET\r\n\r\n", 400),
    "an unknown method": (b"FROB / HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    "an unknown version": (b"GET / HTTP/9.9\r\nHost: x\r\n\r\n", 400),
    "a space before the colon": (b"GET /health HTTP/1.1\r\nHost : x\r\n\r\n", 400),
    "two lengths": (post(ROW, "/predict", b"Content-Length: 3"), 400),
    "a signed length": (post(ROW).replace(b"Content-Length: ", b"Content-Length: +"), 400),
    "a length and chunks": (post(ROW, "/predict", b"Transfer-Encoding: chunked"), 400),
    "a bad chunk": (
        post(b"zz\r\n").replace(b"Content-Length: 4", b"Transfer-Encoding: chunked"),
        400,
    ),
    "no Host": (post(ROW).replace(b"Host: test\r\n", b""), 400),
    "two Hosts": (post(ROW, "/predict", b"Host: other"), 400),
    "a bad Host": (post(ROW).replace(b"Host: test", b"Host: a/b?c#d"), 400),
    "no Host on a cold path": (b"GET /health HTTP/1.1\r\n\r\n", 400),
    "HTTP/2.0": (post(ROW).replace(b"HTTP/1.1", b"HTTP/2.0"), 400),
    "HTTP/2.0 on a cold path": (get("/health").replace(b"HTTP/1.1", b"HTTP/2.0"), 400),
    "HTTP/0.9": (get("/health").replace(b"HTTP/1.1", b"HTTP/0.9"), 400),
    "the preface of HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    "chunks of HTTP/1.0": (CHUNKS.replace(b"1.1", b"1.0"), 400),
    "Connection as a trailer": (CHUNKS + b"0\r\nConnection: close\r\n\r\n", 400),
    "a length as a trailer": (CHUNKS + b"0\r\nContent-Length: 3\r\n\r\n", 400),
    "chunks in gzip": (CHUNKS.replace(b"chunked", b"gzip, chunked"), 400),
    "an authority as a target": (get("x:80"), 400),
    "another scheme": (get("ftp://x/health"), 400),
}


@pytest.mark.fault(1, 2, 3)
@pytest.mark.parametrize("what", MALFORMED)
def test_malformed_requests_are_refused_and_the_connection_ends(door: Door, what: str) -> None:
    data, status = MALFORMED[what]
    check_refused(door, lookup(1), data, status)


@pytest.mark.fault(11)
def test_a_client_that_leaves_or_half_closes_harms_nobody(door: Door) -> None:
    for _ in range(20):
        gone = door.connect().send(lookup(1))
        gone.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        gone.close()  # with a reset
        half = door.connect().send(lookup(2))
        half.socket.shutdown(socket.SHUT_WR)
        assert looked_up(door.ask(lookup(3)).body) == looked_up(door.ask(lookup(3)).body)
        half.close()
    assert door.ask(get("/health")).status == 200


@pytest.mark.fault(10)
def test_a_slow_reader_stops_being_read_and_loses_nothing(door: Door) -> None:
    rows = [[5.1, 3.5, 1.4, 0.2]] * MANY
    request = post(orjson.dumps({"features": rows, "probabilities": True}))
    client = door.connect()
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    sent = 0
    client.socket.settimeout(1.0)
    try:
        while sent < 200:
            client.send(request)
            sent += 1
    except TimeoutError:
        pass
    client.socket.settimeout(10.0)
    try:
        assert sent < 200, "the server went on reading from a client that takes no answers"
        assert all(client.read().status == 200 for _ in range(min(sent, 3)))
    finally:
        client.close()


def test_a_retiring_worker_answers_what_still_comes(tmp_path: Path) -> None:
    with open_door("two", tmp_path, {"iris": models.classifier()}) as door:
        idle, used = door.connect(), door.connect()
        assert used.send(post(ROW)).read().status == 200
        door.server.should_exit = True
        while not door.protocol.shared.retiring:
            pass
        for client in (used, idle):
            answer = client.send(post(ROW)).read()
            assert (answer.status, answer.headers["connection"]) == (200, "close")
            assert client.ended()


@pytest.mark.parametrize(
    "request_bytes", [get("/health"), post(ROW), post(ROW, "/predict?x")], ids=["read", "hot", "cold"]
)
def test_a_connection_keeps_nothing_of_a_request_that_was_answered(tmp_path: Path, request_bytes: bytes) -> None:
    async def act(connection: Connection, wire: Wire, now: float) -> None:
        many = b"".join(b"H%d:\r\n" % number for number in range(90))
        head, _, body = request_bytes.partition(b"\r\n\r\n")
        connection.data_received(head + b"\r\n" + many + b"\r\n" + body)
        await settle()
        assert statuses(wire.written) == [200]
        kept: list[object] = [connection.headers, connection.scope, connection.cycle]
        assert kept == [[], None, None]

    with_connection(tmp_path, act)
