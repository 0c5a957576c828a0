"""The order of answers and refusals, hot and cold, and that nothing is read on while too much is owed."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import orjson
import pytest

from server.http.cold.place import ColdPlace
from server.http.cold.starts import OTHER
from server.http.connection import Connection
from server.http.limits import MAX_PIPELINED, PIECE_BYTES
from tests.support.server import models
from tests.support.server.doors import ROW, Door, Wire, get, open_door, post
from tests.support.server.wired import Connect, settle, statuses, with_connection, with_connections


def lookup(number: int) -> bytes:
    """A request whose answer tells which it was."""
    return post(b'{"features":[%d]}' % number, "/models/lookup/predict")


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    made = {"iris": models.classifier(), "lookup": models.table_lookup(1000)}
    with open_door("two", tmp_path_factory.mktemp("m"), made, DEFAULT_MODEL="iris") as opened:
        yield opened


BAD = {
    "garbage": (b"GARBAGE\r\n\r\n", 400),
    "half a request line": (b"\xff\xfe", 400),
    "a long target": (get("/" + "x" * 3000), 414),
    "too many headers": (get("/health", "GET", *[b"A: b"] * 200), 431),
    "no Host": (b"GET /health HTTP/1.1\r\n\r\n", 400),
    "a bad chunk": (post(b"").replace(b"Content-Length: 0", b"Transfer-Encoding: chunked") + b"zz\r\n", 400),
    "a bad chunk of a cold one": (
        post(b"", "/predict?x").replace(b"Content-Length: 0", b"Transfer-Encoding: chunked") + b"zz\r\n",
        400,
    ),
    "a version": (get("/health").replace(b"1.1", b"2.0"), 400),
}
GOOD = {
    "a hot one": post(ROW),
    "a cold one": get("/models/iris"),
    "two cold ones": get("/models/iris") + get("/models"),
    "a hot and a cold one": post(ROW) + get("/models"),
    "a cold and a hot one": get("/models") + post(ROW),
    "a cold prediction": post(ROW, "/predict?x"),
    "many": (post(ROW) + get("/health") + post(b"{")) * 20,
}


@pytest.mark.fault(7)
@pytest.mark.parametrize("good", GOOD)
@pytest.mark.parametrize("bad", BAD)
def test_a_bad_request_is_told_after_the_answers_before_it(door: Door, good: str, bad: str) -> None:
    data, status = BAD[bad]
    count = GOOD[good].count(b" HTTP/1.1\r\n")
    alone = door.connect().send(GOOD[good])
    expected = [alone.read().status for _ in range(count)]
    alone.close()
    client = door.connect().send(GOOD[good] + data + get("/health"))
    assert [client.read().status for _ in range(count)] == expected
    answer = client.read()
    assert (answer.status, answer.headers["connection"]) == (status, "close")
    assert set(orjson.loads(answer.body)) == {"error", "code", "request_id"}
    assert client.ended()


def test_a_bad_body_of_the_cold_request_itself_is_told_once(door: Door) -> None:
    head = post(b"", "/predict?x").replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
    client = door.connect().send(head)
    assert door.ask(get("/health")).status == 200  # by then its body is awaited
    answer = client.send(b"zz\r\n").read()
    assert (answer.status, orjson.loads(answer.body)["code"]) == (400, "bad_request")
    assert client.ended()


def test_after_an_answer_that_closes_nothing_is_told(door: Door) -> None:
    for path in ("/predict", "/predict?x"):
        client = door.connect().send(post(ROW, path, b"Connection: close") + b"GARBAGE\r\n\r\n")
        assert client.read().status == 200
        assert client.ended()


@pytest.mark.fault(7)
def test_ten_thousand_pipelined_requests_are_answered_in_order(door: Door) -> None:
    requests = b"".join(lookup(number % 1000) for number in range(10_000))
    client = door.connect()
    alone = [client.send(lookup(number)).read().body for number in range(1000)]
    sending = threading.Thread(target=client.send, args=[requests])
    sending.start()
    assert [client.read().body for _ in range(10_000)] == alone * 10
    sending.join()
    client.close()


@pytest.mark.fault(7)
def test_ten_thousand_requests_of_every_kind_in_large_segments_are_answered_in_order(door: Door) -> None:
    bodies = [ROW, ROW, b'{"features":[1]}', b"{", ROW]
    cold = set(range(9_500, 10_000, 89))
    requests = b"".join(
        get("/health", "GET", b"X-Request-Id: id-%d" % number)
        if number in cold
        else post(bodies[number % 5], "/predict", b"X-Request-Id: id-%d" % number)
        for number in range(10_000)
    )
    client = door.connect()

    def send() -> None:
        for at in range(0, len(requests), 65_536):
            client.send(requests[at : at + 65_536])

    sending = threading.Thread(target=send)
    sending.start()
    answers = [client.read() for _ in range(10_000)]
    sending.join()
    client.close()
    assert [answer.headers["x-request-id"] for answer in answers] == [f"id-{number}" for number in range(10_000)]
    usual = [200, 200, 422, 400, 200]
    assert [a.status for a in answers] == [200 if n in cold else usual[n % 5] for n in range(10_000)]


@pytest.mark.parametrize(
    "request_bytes", [get("/health"), post(ROW), post(b"{"), get("/nowhere", "PUT"), post(ROW, "/")]
)
def test_a_segment_is_parsed_no_further_than_it_is_answered(tmp_path: Path, request_bytes: bytes) -> None:
    async def act(connection: Connection, wire: Wire, now: float) -> None:
        connection.data_received(request_bytes * (60_000 // len(request_bytes)))
        most = MAX_PIPELINED + PIECE_BYTES // len(request_bytes) + 1
        answered = 0
        for _ in range(10_000):
            assert len(connection.exchanges) <= most
            await settle()
            answered = len(statuses(wire.written))
            if answered == 60_000 // len(request_bytes):
                break
        assert answered == 60_000 // len(request_bytes)
        assert connection.flow.parse_on is None

    with_connection(tmp_path, act)


def test_a_large_body_behind_many_requests_is_read(tmp_path: Path) -> None:
    async def act(connection: Connection, wire: Wire, now: float) -> None:
        large = post(ROW + b" " * 500_000)
        for data in (get("/health") * 100 + large, large + large + get("/health"), post(ROW) * 100 + large):
            wire.written = b""
            for at in range(0, len(data), 256_000):
                connection.data_received(data[at : at + 256_000])
                for _ in range(100):
                    await settle()
                assert connection.flow.parse_on is None
            assert set(statuses(wire.written)) == {200}
            assert len(statuses(wire.written)) == data.count(b"HTTP/1.1\r\n")

    with_connection(tmp_path, act)


@pytest.mark.fault(39)
def test_bodies_in_flight_are_bounded_over_all_connections(tmp_path: Path) -> None:
    async def act(connect: Connect) -> None:
        clients = [connect() for _ in range(8)]
        for connection, _ in clients:  # 8 bodies that never end
            connection.data_received(post(b"", length=90_000) + b" " * 80_000)
        held = [statuses(wire.written) for _, wire in clients]
        assert held == [[]] * 5 + [[503]] * 3
        ledger = clients[0][0].worker.endpoints.ledger
        assert ledger.held == 5 * 80_000
        assert failures(clients[0][0]) == 3
        connection, wire = clients[-1]
        assert wire.state() == "open"
        assert b"retry-after: 1" in wire.written
        connection.data_received(b" " * 10_000 + post(ROW))  # the rest is dropped, the connection goes on
        await settle()
        assert statuses(wire.written) == [503, 200]
        for connection, _ in clients:
            connection.connection_lost(None)
        await settle()
        assert ledger.held == 0

    with_connections(tmp_path, act, MAX_BODY_BYTES="100000", INFLIGHT_BYTES="400000")


def failures(connection: Connection) -> float:
    """Of the model, as its metrics count them."""
    return sum(connection.worker.endpoints.scoreboard.totals(0, "nv_inference_request_failure"))


@pytest.mark.fault(39)
def test_cold_bodies_in_flight_are_bounded_too(tmp_path: Path) -> None:
    async def act(connect: Connect) -> None:
        clients = [connect() for _ in range(8)]
        for connection, _ in clients:
            connection.data_received(post(b"", "/predict?x", length=90_000) + b" " * 80_000)
            await settle()
        assert [statuses(wire.written) for _, wire in clients] == [[]] * 5 + [[503]] * 3
        assert failures(clients[0][0]) == 3
        for connection, _ in clients:
            connection.connection_lost(None)
        await settle()
        assert clients[0][0].worker.endpoints.ledger.held == 0

    with_connections(tmp_path, act, MAX_BODY_BYTES="100000", INFLIGHT_BYTES="400000")


@pytest.mark.fault(8)
@pytest.mark.parametrize("path", ["/predict", "/predict?x"])
@pytest.mark.parametrize("size", [199, 201, 5000, 50_000])
def test_a_body_in_one_chunk_keeps_the_limit(tmp_path: Path, path: str, size: int) -> None:
    async def act(connection: Connection, wire: Wire, now: float) -> None:
        head = post(b"", path).replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
        connection.data_received(head + b"%x\r\n%b\r\n0\r\n\r\n" % (size, ROW.ljust(size)))
        await settle()
        assert statuses(wire.written) == [200 if size <= 200 else 413]

    with_connection(tmp_path, act, MAX_BODY_BYTES="200")


@pytest.mark.fault(18)
@pytest.mark.parametrize("features", ["5.1,3.5,1.4,0.2", "5.1", "[5.1,3.5,1.4,0.2],[1]"])
def test_what_is_answered_and_waits_behind_another_holds_nothing_of_its_body(tmp_path: Path, features: str) -> None:
    async def act(connection: Connection, wire: Wire, now: float) -> None:
        connection.data_received(get("/live"))
        await settle()
        for _ in range(3):
            connection.data_received(post(b'{"features":[%b]}' % features.encode().ljust(10_000)))
            await settle()
        entered = weakref.ref(connection.exchanges[-1])
        assert connection.worker.endpoints.ledger.held == 0
        assert [exchange.output is not None for exchange in connection.exchanges] == [False, True, True, True]
        assert statuses(wire.written) == [200], "the stream goes on"
        connection.worker.endpoints.live.close()
        await settle()
        status = 200 if features == "5.1,3.5,1.4,0.2" else 422
        assert statuses(wire.written) == [200, status, status, status]
        assert entered() is None

    with_connection(tmp_path, act)


KEY = "0123456789abcdef"
TOO_MUCH = {
    "a read": (get("/models?x", "GET", b"Authorization: Bearer " + KEY.encode()), 200),
    "health": (get("/health"), 200),
    "no route": (get("/nowhere", "GET", b"Authorization: Bearer " + KEY.encode()), 404),
    "no key, cold": (get("/models"), 401),
    "no key, hot": (get("/predict", "POST"), 401),
    "no key, cold prediction": (get("/predict?x", "POST"), 401),
    "live": (get("/live", "GET", b"Authorization: Bearer " + KEY.encode()), 400),
}


@pytest.mark.fault(8)
@pytest.mark.parametrize("what", TOO_MUCH)
@pytest.mark.parametrize("behind", [0, 2])
def test_a_body_that_nobody_asked_for_keeps_the_limit(tmp_path: Path, what: str, behind: int) -> None:
    head, status = TOO_MUCH[what]
    before = post(ROW, "/predict", b"Authorization: Bearer " + KEY.encode()) * behind

    async def act(connection: Connection, wire: Wire, now: float) -> None:
        connection.data_received(before + head.replace(b"\r\n\r\n", b"\r\nTransfer-Encoding: chunked\r\n\r\n"))
        await settle()
        for _ in range(200):
            if wire.is_closing():
                break
            connection.data_received(b"3e8\r\n" + bytes(1000) + b"\r\n")
            await settle()
            assert statuses(wire.written) == [200] * behind + [status]
        assert connection._received <= 21_000
        assert wire.is_closing()

    with_connection(tmp_path, act, MAX_BODY_BYTES="20000", API_KEYS=KEY)


@pytest.mark.fault(8)
@pytest.mark.parametrize("what", TOO_MUCH)
def test_a_body_that_nobody_asked_for_keeps_the_limit_by_its_length(tmp_path: Path, what: str) -> None:
    head, status = TOO_MUCH[what]

    async def act(connection: Connection, wire: Wire, now: float) -> None:
        connection.data_received(head.replace(b"\r\n\r\n", b"\r\nContent-Length: 20001\r\n\r\n"))
        await settle()
        assert statuses(wire.written) == [401 if status == 401 else 413]
        connection.data_received(bytes(20_001))
        assert wire.is_closing()

    with_connection(tmp_path, act, MAX_BODY_BYTES="20000", API_KEYS=KEY)


class Begun:
    """Counts the cold requests that were given to the application."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        begin = ColdPlace.begin

        def counted(place: ColdPlace) -> None:
            self.count += 1
            begin(place)

        monkeypatch.setattr(ColdPlace, "begin", counted)


@pytest.mark.parametrize("bytes_at_once", [1000, 100_000])
def test_only_cold_requests_are_cold_wherever_they_stand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bytes_at_once: int
) -> None:
    begun = Begun(monkeypatch)

    async def act(connect: Connect) -> None:
        connection, wire = connect()
        data = (get("/health") + post(ROW) * 7 + get("/models") + post(b"{") + post(ROW)) * 50
        for at in range(0, len(data), bytes_at_once):
            while not wire.reading:
                await settle()
            connection.data_received(data[at : at + bytes_at_once])
        for _ in range(1000):
            if len(statuses(wire.written)) == 550:
                break
            await settle()
        assert statuses(wire.written) == ([200] * 9 + [400, 200]) * 50
        assert begun.count == 100

    with_connections(tmp_path, act)


def test_hot_requests_run_while_the_cold_one_before_them_is_unanswered(tmp_path: Path) -> None:
    async def act(connection: Connection, wire: Wire, now: float) -> None:
        cycle: Any = SimpleNamespace()
        slow, queued = (ColdPlace(connection, cycle, OTHER, lambda: None) for _ in range(2))
        connection.exchanges.append(slow)
        slow.begin()
        connection.data_received(post(ROW) * 2)
        connection.exchanges.append(queued)
        await settle()
        assert wire.written == b""
        assert [exchange.output is not None for exchange in connection.exchanges] == [False, True, True, False]
        connection._go_on()  # the slow one is answered
        assert statuses(wire.written) == [200, 200]
        assert (list(connection.exchanges), queued.waits) == ([queued], False)

    with_connection(tmp_path, act)


def test_a_client_that_leaves_takes_all_its_requests_with_it(tmp_path: Path) -> None:
    async def act(connection: Connection, wire: Wire, now: float) -> None:
        connection.data_received(post(ROW, "/predict?x") + post(ROW) + get("/health") + get("/models"))
        places = list(connection.exchanges)
        assert len(places) == 4
        connection.connection_lost(None)
        assert all(place.done for place in places)
        assert all(place.cycle.disconnected for place in places if isinstance(place, ColdPlace))
        await settle()
        assert wire.written == b""

    with_connection(tmp_path, act)


def test_a_retiring_worker_answers_what_stands_behind_a_cold_request(tmp_path: Path) -> None:
    async def act(connection: Connection, wire: Wire, now: float) -> None:
        connection.data_received(get("/models") + post(ROW))
        connection.shutdown()
        await settle()
        assert statuses(wire.written) == [200, 200]
        connection.close_if_idle()
        assert wire.state() == "closed"

    with_connection(tmp_path, act)
