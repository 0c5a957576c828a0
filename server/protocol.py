"""Owns door two: uvicorn's HTTP/1.1 protocol, which answers hot requests itself and leaves others to the application.

A request is hot when it is a POST to the exact path of a loaded model. It needs no task, no scope and no routing: its
bytes go through the gate to the batcher, and its answer is written when its batch has run, in the order in which the
connection asked. Everything else takes uvicorn's own way to the ASGI application, door one, through the same endpoints.
"""

from __future__ import annotations

import asyncio
import fcntl
import termios
from array import array
from collections import deque
from time import monotonic
from typing import Any

import httptools
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from server.batch import Entry
from server.endpoints import Endpoints, HotRoute, server_timing
from server.errors import ServerError, envelope
from server.heads import MAX_HEAD_BYTES, MAX_HEADERS, KnownHeads, Recognised
from server.logs import log

MAX_URL_BYTES = 2048
MAX_PIPELINED = 64  # requests of one connection that wait before reading from it pauses
MAX_PIPELINED_BYTES = 16_384  # a larger body, and the next request waits for its answer: answers grow with bodies

SWEEP_SECONDS = 1.0  # how coarsely time limits are kept: no request needs a timer of its own
HEAD_SECONDS = 10.0  # for the first bytes and the whole head of a request
BODY_GRACE_SECONDS = 10.0  # before a body must have come at the least rate
BYTES_PER_SECOND = 500.0  # the least rate, of bodies and of answers taken; slow mobile connections are faster
WRITE_SECONDS = 10.0  # a client that takes its answers slower than that for so long is let go
RETIRE_GRACE_SECONDS = 2.0  # a retiring worker answers what still comes on open connections for so long

# What a connection waits for. A fresh one has never sent a byte; an idle one has been answered.
FRESH, IDLE, HEAD, BODY = range(4)

OK_HEAD = b"%bcontent-length: %d\r\ncontent-type: application/json\r\nx-request-id: %b\r\n%b\r\n%b"
CLOSE_HEADER = b"connection: close\r\n"


class _Refused(Exception):
    """Stops the parser in the middle of a request that has been answered already."""


class Exchange(Entry):
    """One hot request from its head to its answer. ``output`` is None until the answer is there."""

    output: bytes | None = None
    began = 0.0  # when its parsing did, where answers tell it
    close = False  # the connection ends with this answer

    def __init__(self, connection: Connection, request_id: bytes, deadline: float) -> None:
        self.connection = connection
        self.request_id = request_id
        self.deadline = deadline

    def answer(self, body: bytes) -> None:
        """Writes the prediction, as soon as all answers before it are written."""
        connection = self.connection
        worker = connection.worker
        start = worker.ok_start()
        if self.timing is not None:
            start = b"%bserver-timing: %b\r\n" % (start, server_timing(self, self.began).encode())
        end = b""
        if self.close or (worker.retiring and connection.is_last(self)):
            self.close = True
            end = CLOSE_HEADER
        self.output = OK_HEAD % (start, len(body), self.request_id, end, body)
        if connection.exchanges[0] is self:
            connection.flush()

    def refuse(self, error: ServerError) -> None:
        """Writes the error likewise; its headers may say that the connection ends."""
        connection = self.connection
        worker = connection.worker
        worker.endpoints.metrics.error(error.code)
        says_close = "connection" in error.headers
        self.close = self.close or says_close or (worker.retiring and connection.is_last(self))
        body = envelope(error, self.request_id.decode())
        self.output = b"".join(
            [
                worker.start_of(error.status),
                *(b"%b: %b\r\n" % (name.encode(), value.encode()) for name, value in error.headers.items()),
                b"content-length: %d\r\ncontent-type: application/json\r\n" % len(body),
                b"x-request-id: %b\r\n" % self.request_id,
                CLOSE_HEADER if self.close and not says_close else b"",
                b"\r\n",
                body,
            ]
        )
        if connection.exchanges[0] is self:
            connection.flush()


class WorkerState:
    """What all connections of one worker share: the hot table, the coarse clock, the date, the way out."""

    def __init__(self, endpoints: Endpoints) -> None:
        self.endpoints = endpoints
        self.hot: dict[bytes, HotRoute] = {}
        self.heads = KnownHeads(self.hot)
        self.recognise = self.heads.recognise
        self.timed = endpoints.settings.server_timing
        self.now = monotonic()
        self.retiring = False
        self.default_headers: list[tuple[bytes, bytes]] = []
        self._server_state: Any = None
        self._headers_seen: Any = None
        self._ok_start = b""

    def watch(self, server_state: Any, loop: asyncio.AbstractEventLoop) -> None:
        """Starts the sweep over the connections of this worker; called by each of them, does it once."""
        if self._server_state is None:
            self._server_state = server_state
            self.hot = self.endpoints.hot_routes()
            self.heads = KnownHeads(self.hot)
            self.recognise = self.heads.recognise
            loop.call_later(SWEEP_SECONDS, self._sweep, loop)

    def start_of(self, status: int) -> bytes:
        """The status line and the headers every answer has, the date among them."""
        return STATUS_LINE[status] + b"".join(b"%b: %b\r\n" % header for header in self._server_state.default_headers)

    def ok_start(self) -> bytes:
        """`start_of` a 200, made anew only when uvicorn renews the date, once a second."""
        headers = self._server_state.default_headers
        if headers is not self._headers_seen:
            self._headers_seen = headers
            self._ok_start = self.start_of(200)
        return self._ok_start

    def retire(self, loop: asyncio.AbstractEventLoop) -> None:
        """Lets open connections ask for a while yet, each answer their last; then closes the idle ones."""
        if not self.retiring:
            self.retiring = self.endpoints.draining = True
            loop.call_later(RETIRE_GRACE_SECONDS, self._close_idle)

    def _close_idle(self) -> None:
        for connection in list(self._server_state.connections):
            connection.close_if_idle()

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        self.now = monotonic()
        for connection in list(self._server_state.connections):
            connection.check_time(self.now)
        loop.call_later(SWEEP_SECONDS, self._sweep, loop)


class Connection(HttpToolsProtocol):
    """One client connection. ``worker`` is set on a subclass, one per process: uvicorn makes instances itself."""

    worker: WorkerState

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client has connected."""
        super().connection_made(transport)
        self.worker.watch(self.server_state, self.loop)
        self.exchanges: deque[Exchange] = deque()
        self._exchange: Exchange | None = None  # the hot request whose body is being read
        self._route: HotRoute | None = None
        self._body: bytes | bytearray = b""
        self._waits_for = FRESH
        self._since = self.worker.now  # of the coarse clock: when it began to wait for that
        self._received = 0  # bytes of the head or body being read
        self._cold = False  # the request being read is the application's
        self._large_head = False  # the head being read may be larger than allowed: measure it
        self._refused = False
        self._stalled_since = 0.0  # when the client last took some of its answers, once writing is paused
        self._unwritten = 0  # bytes it had not taken at the last sweep

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone: what it asked is not worth running any more."""
        super().connection_lost(exc)
        self._drop_exchanges()

    def _drop_exchanges(self) -> None:
        for exchange in self.exchanges:
            exchange.done = True
        self.exchanges.clear()
        self._exchange = None

    # Reading

    def data_received(self, data: bytes) -> None:
        """Feeds the parser, whose callbacks follow below."""
        if self._refused:
            return
        if self.timeout_keep_alive_task is not None:
            self._unset_keepalive_if_required()
        if self._waits_for <= IDLE and not self.pipeline and (known := self.worker.recognise(data)) is not None:
            cycle = self.cycle
            if cycle is None or cycle.response_complete:
                self._go_known(known)
                return
        within_head = self._waits_for == HEAD
        self._large_head = within_head or len(data) > MAX_HEAD_BYTES
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            pass  # no other protocol is spoken here: the request is answered as if it had not asked
        except httptools.HttpParserCallbackError as error:
            self._callback_failed(error)
        except httptools.HttpParserError:
            self._refuse(ServerError("bad_request", "the request is not valid HTTP/1.1"))
        if within_head and self._waits_for == HEAD:
            self._received += len(data)
            if self._received > MAX_HEAD_BYTES:  # one endless header never reaches the parser's callbacks
                self._refuse(_headers_too_large())

    def _callback_failed(self, error: httptools.HttpParserCallbackError) -> None:
        cause = error.__context__
        if isinstance(cause, _Refused):
            return
        if isinstance(cause, httptools.HttpParserError):
            self._refuse(ServerError("bad_request", "the request is not valid HTTP/1.1"))
            return
        log.error("a connection failed", exc_info=error)
        self._refuse(ServerError("internal", "the server failed on this request; its log says why"))

    def on_message_begin(self) -> None:
        """A request starts."""
        if self._refused:
            raise _Refused
        self.url = b""
        self.headers = []
        self._cold = False
        self._received = 0
        self._waits_for = HEAD
        self._since = self.worker.now

    def on_url(self, url: bytes) -> None:
        """A piece of its target."""
        self.url += url
        if len(self.url) > MAX_URL_BYTES:
            self._stop(ServerError("uri_too_long", f"the request target is longer than {MAX_URL_BYTES} bytes"))

    def on_header(self, name: bytes, value: bytes) -> None:
        """A whole header, its name as the client spells it."""
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """The head is read: hot or not, and may it pass? Decided before the body is looked at."""
        self._waits_for = BODY
        self._since = self.worker.now
        self._received = 0
        headers = self.headers
        if len(headers) > MAX_HEADERS or (self._large_head and _size(headers) > MAX_HEAD_BYTES):
            self._stop(_headers_too_large())
        route = self.worker.hot.get(self.url)
        if route is None or not self._may_be_hot():
            self._go_cold()
        else:
            self._go_hot(route)

    def _go_hot(self, route: HotRoute) -> None:
        gate = self.worker.endpoints.gate
        try:
            if gate.keyed:
                gate.authorise(route.path, self._lowered())
            request_id, deadline, cold, has_host, has_connection = gate.admit(self.headers)
            if cold or not has_host:
                self._go_cold()
                return
            route.batcher.check_capacity()
        except ServerError as error:
            exchange = Exchange(self, gate.identify(self._lowered()), 0.0)
            exchange.close = not self._keeps_alive(True)
            self.exchanges.append(exchange)
            exchange.fail(error)
            return
        exchange = Exchange(self, request_id or gate.next_id(), deadline)
        if not self._keeps_alive(has_connection):
            exchange.close = True
        elif not gate.keyed:
            self.worker.heads.learn(self.headers)
        self.exchanges.append(exchange)
        self._exchange, self._route, self._body = exchange, route, b""

    def _go_known(self, known: Recognised[HotRoute]) -> None:
        """A whole hot request whose head the parser need not see: it stays where it is, between two messages."""
        route, request_id, start, body = known
        worker = self.worker
        gate = worker.endpoints.gate
        self._waits_for = IDLE
        self._since = worker.now
        exchange = Exchange(self, request_id or gate.next_id(), gate.deadline(start))
        self.exchanges.append(exchange)
        try:
            gate.check_size(len(body))
            route.batcher.check_capacity()
        except ServerError as error:
            exchange.fail(error)
            return
        self._predict(route, exchange, body)

    def _keeps_alive(self, has_connection: bool) -> bool:
        """As uvicorn has it: HTTP/1.0 never does, and without a Connection header the parser already knows."""
        keeps: bool = self.parser.should_keep_alive()
        return keeps and not (has_connection and self.parser.get_http_version() == "1.0")

    def _lowered(self) -> list[tuple[bytes, bytes]]:
        return [(name.lower(), value) for name, value in self.headers or ()]

    def _may_be_hot(self) -> bool:
        """Only a POST, and only while the application owes this connection no answer: answers keep their order."""
        cycle = self.cycle
        return (cycle is None or cycle.response_complete) and not self.pipeline and self.parser.get_method() == b"POST"

    def _go_cold(self) -> None:
        """Hands the request to uvicorn, as if its parser had come this far alone."""
        url, headers = self.url, self._lowered()
        self._cold = True
        try:
            self.worker.endpoints.gate.check_host(headers, self.parser.get_http_version())
        except ServerError as error:
            self._stop(error)
        super().on_message_begin()
        self.url = url
        self.headers += headers
        self.expect_100_continue = any(
            name == b"expect" and value.lower() == b"100-continue" for name, value in headers
        )
        super().on_headers_complete()
        if self.worker.retiring:
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        self._received += len(body)
        if self._exchange is not None:
            if self._received == len(body):
                self._body = body
            else:
                self._add_to_body(self._exchange, body)
        elif self._cold:
            super().on_body(body)

    def _add_to_body(self, exchange: Exchange, piece: bytes) -> None:
        if isinstance(self._body, bytes):
            self._body = bytearray(self._body)
        self._body += piece
        try:
            self.worker.endpoints.gate.check_size(self._received)
        except ServerError as error:
            self._exchange = None
            self._refused = True
            exchange.fail(error)
            raise _Refused from None

    def on_message_complete(self) -> None:
        """The request is read whole."""
        self._waits_for = IDLE
        self._since = self.worker.now
        exchange, route = self._exchange, self._route
        if exchange is None or route is None:
            if self._cold:
                super().on_message_complete()
            return
        self._exchange = None
        self._predict(route, exchange, self._body)

    def _predict(self, route: HotRoute, exchange: Exchange, body: bytes | bytearray) -> None:
        if self.worker.timed:
            exchange.began = monotonic()
        self.worker.endpoints.predict(route, exchange, body)
        if len(self.exchanges) > MAX_PIPELINED or (len(body) > MAX_PIPELINED_BYTES and self.exchanges):
            self.flow.pause_reading()

    # Answering

    def is_last(self, exchange: Exchange) -> bool:
        """Whether nothing came, or has begun to come, after this request."""
        return self.exchanges[-1] is exchange and self._waits_for == IDLE and not self.pipeline

    def flush(self) -> None:
        """Writes every answer that is there and whose turn it is."""
        exchanges = self.exchanges
        first = exchanges.popleft()
        output, close = first.output or b"", first.close
        while not close and exchanges and exchanges[0].output is not None:
            exchange = exchanges.popleft()
            output += exchange.output or b""
            close = exchange.close
        self.transport.write(output)
        if close:
            self._refused = True
            self._drop_exchanges()
            self.transport.close()
        elif self.pipeline:
            if not exchanges:
                super()._start_asgi_task(*self.pipeline.pop())
        elif self.flow.read_paused:
            self._read_on()

    def _read_on(self) -> None:
        """Reads again, once the client takes its answers and none is owed but that of the request being read."""
        owed = len(self.exchanges) - (self._exchange is not None)
        if not owed and not self.pipeline and not self.flow.write_paused:
            self.flow.resume_reading()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        """Starts a cold request, or keeps it until the hot ones before it are answered."""
        if self.exchanges:
            self.flow.pause_reading()
            self.pipeline.appendleft((cycle, app))
        else:
            super()._start_asgi_task(cycle, app)

    def _stop(self, error: ServerError) -> None:
        """`_refuse`, from within the parser."""
        self._refuse(error)
        raise _Refused

    def _refuse(self, error: ServerError) -> None:
        """Answers what is no request we can read, after all that came before, and closes."""
        if self._refused:
            return
        self._refused = True
        exchange, self._exchange = self._exchange, None
        if exchange is None:
            exchange = Exchange(self, self.worker.endpoints.gate.identify(self._lowered()), 0.0)
            self.exchanges.append(exchange)
        exchange.close = True
        exchange.fail(error)

    # Time

    def pause_writing(self) -> None:
        """The client does not take its answers: nothing more is read from it meanwhile."""
        super().pause_writing()
        self._stalled_since = monotonic()
        self._unwritten = self._not_taken()
        self.flow.pause_reading()

    def resume_writing(self) -> None:
        """It takes them again."""
        super().resume_writing()
        self._read_on()

    def check_time(self, now: float) -> None:
        """Ends a connection that is over one of its time limits. Called by the sweep."""
        waited = now - self._since
        if self.flow.write_paused:
            self._check_writing(now)
        elif self._waits_for == FRESH or (self._waits_for == HEAD and not self.flow.read_paused):
            if waited > HEAD_SECONDS:
                self._give_up("the head of the request did not come in time")
        elif self._waits_for == BODY and not self.flow.read_paused:
            over = waited - BODY_GRACE_SECONDS
            if over > 0 and self._received < over * BYTES_PER_SECOND:
                self._give_up("the body of the request did not come in time")
        elif self._is_idle() and waited > self.timeout_keep_alive:
            self.transport.close()

    def _check_writing(self, now: float) -> None:
        unwritten = self._not_taken()
        if self._unwritten - unwritten >= BYTES_PER_SECOND * SWEEP_SECONDS:
            self._stalled_since = now
        elif now - self._stalled_since > WRITE_SECONDS:
            self.transport.abort()
        self._unwritten = unwritten

    def _not_taken(self) -> int:
        """Bytes the client has not acknowledged, in our buffer and in the kernel's, which may be megabytes."""
        kernels = array("i", [0])
        connected = self.transport.get_extra_info("socket")
        if connected is not None:
            fcntl.ioctl(connected.fileno(), termios.TIOCOUTQ, kernels)
        return self.transport.get_write_buffer_size() + kernels[0]

    def _give_up(self, message: str) -> None:
        if self._waits_for == FRESH:
            self.transport.close()
        elif self.cycle is None or self.cycle.response_complete:
            self._refuse(ServerError("request_timeout", message))
        else:
            self.transport.abort()

    def _is_idle(self) -> bool:
        owes = self.cycle is not None and not self.cycle.response_complete
        return self._waits_for in (FRESH, IDLE) and not self.exchanges and not owes

    def close_if_idle(self) -> None:
        """Ends the connection of a retiring worker, if nothing is asked on it."""
        if self._is_idle():
            self.transport.close()

    def shutdown(self) -> None:
        """Called by uvicorn when the worker retires: what is asked is answered yet, with ``Connection: close``."""
        self.worker.retire(self.loop)
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.keep_alive = False


def _size(headers: list[tuple[bytes, bytes]]) -> int:
    return sum([len(name) + len(value) for name, value in headers])


def _headers_too_large() -> ServerError:
    return ServerError(
        "headers_too_large", f"the headers are more than {MAX_HEADERS}, or larger than {MAX_HEAD_BYTES} bytes in all"
    )


def connection_class(endpoints: Endpoints) -> type[Connection]:
    """The protocol class of one worker."""
    return type("Connection", (Connection,), {"worker": WorkerState(endpoints)})
