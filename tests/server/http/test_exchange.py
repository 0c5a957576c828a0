"""The bytes of a hot answer, and when they are written; on a connection and a worker of the test's own."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from types import SimpleNamespace

import orjson
import pytest

from server.batching.entry import PiecedAnswer, Timing
from server.endpoints.lifecycle import Endpoints
from server.endpoints.portions import PORTION_BYTES
from server.errors import ServerError, envelope
from server.http.exchange import SMALL_ANSWER_BYTES, Exchange
from server.http.worker_state import WorkerState
from server.metrics.scoreboard import Scoreboard
from server.models.repository import Repository
from server.settings import Settings

START = b"HTTP/1.1 200 OK\r\ndate: today\r\n"


def worker_state() -> WorkerState:
    """A worker without models, connections and date of its own."""
    worker = WorkerState(Endpoints(Repository([], {}), Settings(), Scoreboard(1, 1), 1))
    worker._server_state = SimpleNamespace(default_headers=[(b"date", b"today")], connections=[])
    worker.ok_start = worker.start_of(200)
    return worker


class FakeConnection:
    """A connection that keeps its written bytes."""

    def __init__(self, worker: WorkerState | None = None) -> None:
        self.worker = worker or worker_state()
        self.account = self.worker.endpoints.ledger.account()
        self.exchanges: deque[Exchange] = deque()
        self.more_follows = False
        self.uncounted_bytes = 0
        self.written = b""
        self.counted: list[int] = []  # bytes of answers that waited, whenever it was asked to count

    def count_owed(self) -> None:
        self.uncounted_bytes = 0
        self.counted.append(sum(exchange.answer_bytes for exchange in self.exchanges))

    def flush(self) -> None:
        while self.exchanges and (output := self.exchanges[0].output) is not None:
            self.written += b"".join([output, *self.exchanges[0].pieces])
            self.exchanges.popleft()

    def is_last(self, exchange: Exchange) -> bool:
        return self.exchanges[-1] is exchange and not self.more_follows

    def ask(self, request_id: bytes = b"id-1") -> Exchange:
        """The next hot request."""
        exchange = Exchange(self, request_id, 1e9)
        self.exchanges.append(exchange)
        return exchange


def test_an_answer_is_a_200_of_json() -> None:
    connection = FakeConnection()
    connection.ask().answer(b'{"y":1}')
    head = b"content-length: 7\r\ncontent-type: application/json\r\nx-request-id: id-1\r\n\r\n"
    assert connection.written == START + head + b'{"y":1}'


def test_answers_are_written_in_the_order_of_the_requests() -> None:
    connection = FakeConnection()
    first, second, third = (connection.ask(b"id-%d" % number) for number in range(3))
    third.answer(b"3")
    second.refuse(ServerError("internal", "x"))
    assert connection.written == b""
    first.answer_in_pieces(PiecedAnswer([b"1"], b"text/plain", []))
    assert [line for line in connection.written.split(b"\r\n") if line.startswith(b"x-request-id")] == [
        b"x-request-id: id-0",
        b"x-request-id: id-1",
        b"x-request-id: id-2",
    ]


def test_pieces_are_joined_under_their_own_media_type_and_headers() -> None:
    connection = FakeConnection()
    answer = PiecedAnswer([b"{}", memoryview(b"abc")], b"application/octet-stream", [(b"x-a", b"1"), (b"x-b", b"2")])
    connection.ask().answer_in_pieces(answer)
    head = b"x-a: 1\r\nx-b: 2\r\ncontent-length: 5\r\ncontent-type: application/octet-stream\r\nx-request-id: id-1\r\n"
    assert connection.written == START + head + b"\r\n{}abc"


def test_large_pieces_are_not_copied() -> None:
    large = memoryview(bytes(PORTION_BYTES))
    connection = FakeConnection()
    before, exchange = connection.ask(b"a"), connection.ask(b"b")
    exchange.answer_in_pieces(PiecedAnswer([large, b"2"], b"text/plain", []))
    assert exchange.pieces[0] is large
    assert exchange.answer_bytes == len(exchange.output or b"") + PORTION_BYTES + 1
    before.answer(b"first")
    assert connection.written.endswith(b"2")


def test_a_large_answer_that_waits_for_those_before_it_is_counted() -> None:
    connection = FakeConnection()
    connection.ask(b"a")
    connection.ask(b"b").answer(b"x" * SMALL_ANSWER_BYTES)
    assert connection.counted == []
    connection.ask(b"c").answer(b"x" * (SMALL_ANSWER_BYTES + 1))
    connection.ask(b"d").answer_in_pieces(PiecedAnswer([b"x" * (SMALL_ANSWER_BYTES + 1)], b"text/plain", []))
    assert len(connection.counted) == 2
    assert connection.counted[1] > 3 * SMALL_ANSWER_BYTES


def test_small_answers_that_wait_are_counted_together_and_keep_nothing_of_what_was_asked() -> None:
    connection = FakeConnection()
    connection.ask(b"a")
    behind = [connection.ask(b"%d" % number) for number in range(64)]
    for exchange in behind:
        exchange.request = b"rows"
        exchange.answer(b"x" * 1000)
    assert len(connection.counted) == 64 * 1000 // (SMALL_ANSWER_BYTES + 1000)
    assert connection.counted[-1] > 60 * 1000
    assert all(exchange.request is None for exchange in behind)


def test_one_that_is_refused_while_it_waits_for_its_run_keeps_what_the_run_reads() -> None:
    connection = FakeConnection()
    connection.ask(b"a")
    late = connection.ask(b"b")
    late.request = b"rows"
    late.fail(ServerError("deadline_exceeded", "x"))
    assert late.request == b"rows"


def test_a_refusal_is_the_envelope_with_the_errors_own_headers_and_is_counted() -> None:
    connection = FakeConnection()
    error = ServerError("overloaded", "too much", {"retry-after": "3"})
    connection.ask().refuse(error)
    head, body = connection.written.split(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert lines[0] == b"HTTP/1.1 503 Service Unavailable"
    assert body == envelope(error, "id-1")
    assert {b"date: today", b"retry-after: 3", b"content-length: %d" % len(body)} <= set(lines)
    assert b"connection: close" not in lines
    errors = connection.worker.endpoints.scoreboard.server_totals("dynonnx_errors_total")
    assert sum(errors) == 1.0


Answering = Callable[[Exchange], None]
WAYS: dict[str, Answering] = {
    "json": lambda exchange: exchange.answer(b"{}"),
    "pieces": lambda exchange: exchange.answer_in_pieces(PiecedAnswer([b"{}"], b"application/json", [])),
    "error": lambda exchange: exchange.refuse(ServerError("internal", "x")),
    "error that closes": lambda exchange: exchange.refuse(ServerError("internal", "x", {"connection": "close"})),
}


@pytest.mark.parametrize("way", WAYS)
def test_the_last_answer_of_a_connection_says_so_once(way: str) -> None:
    connection = FakeConnection()
    exchange = connection.ask()
    exchange.close = True
    WAYS[way](exchange)
    assert connection.written.count(b"connection: close\r\n") == 1


@pytest.mark.parametrize("way", ["json", "pieces", "error"])
@pytest.mark.parametrize("more_follows", [True, False])
def test_a_retiring_worker_closes_with_the_last_answer_only(way: str, more_follows: bool) -> None:
    connection = FakeConnection()
    connection.worker.retiring = True
    connection.more_follows = more_follows
    exchange = connection.ask()
    WAYS[way](exchange)
    assert exchange.close is not more_follows
    assert connection.written.count(b"connection: close\r\n") == (not more_follows)


@pytest.mark.parametrize("way", ["json", "pieces"])
def test_timings_are_a_header_where_they_were_taken(way: str) -> None:
    connection = FakeConnection()
    exchange = connection.ask()
    exchange.timing = Timing(0.25, 0.5, 0.0, 7)
    WAYS[way](exchange)
    (line,) = [line for line in connection.written.split(b"\r\n") if line.startswith(b"server-timing: ")]
    assert b"queue;dur=250.000, run;dur=500.000" in line
    assert line.endswith(b"batch;desc=7")
    assert orjson.loads(connection.written.partition(b"\r\n\r\n")[2]) == {}


def test_what_a_request_holds_is_counted_until_it_is_freed() -> None:
    connection = FakeConnection()
    ledger = connection.worker.endpoints.ledger
    exchange = connection.ask()
    exchange.hold(1000)
    exchange.hold(500)
    assert (ledger.held, connection.account.held) == (1500, 1500)
    with pytest.raises(ServerError) as caught:
        exchange.hold(ledger.limit)
    assert (caught.value.code, caught.value.headers) == ("overloaded", {"retry-after": "1"})
    exchange.answer(b"{}")
    assert ledger.held == 1500  # a queue may still have it
    del exchange, caught
    assert (ledger.held, connection.account.held) == (0, 0)
