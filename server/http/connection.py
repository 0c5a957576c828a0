"""Owns door two: uvicorn's HTTP/1.1 protocol, which answers hot requests itself. Knows no protocol of predictions.

A request is hot when it is a POST to the exact path of a loaded model. It needs no task, no scope and no routing: it
passes the gate, waits in the batcher, and its answer is written after its batch has run, in the order of the requests
on the connection. Every other request is cold: uvicorn hands it to the ASGI application, door one.

What a connection waits for, and what changes it:

    waits for                    on                                   then
    FRESH  the very first byte   a request begins                     HEAD
    HEAD   the rest of a head    the head is complete                 BODY, hot or cold; answered at once if refused
    BODY   the rest of a body    the body is complete                 IDLE, and the request is entered
    IDLE   the next request      a request begins                     HEAD
    FRESH, IDLE                  a whole request with a known head    IDLE, and the request is entered
    any                          invalid HTTP, or a time limit        refused: no more reading, then closed

A hot request is an `Exchange`, queued in ``exchanges`` until its answer and all before it are written. A cold request
is uvicorn's ``cycle`` or waits in ``pipeline``; while either is unanswered, every request is cold.
"""

from __future__ import annotations

import asyncio
from collections import deque
from time import monotonic

import httptools
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from server.endpoints.lifecycle import Endpoints
from server.endpoints.serving import HotRoute, enter
from server.errors import ServerError
from server.http.exchange import Exchange, WorkerState
from server.http.head_cache import Recognised
from server.http.limits import (
    MAX_HEAD_BYTES,
    MAX_PIPELINED,
    MAX_PIPELINED_BYTES,
    MAX_URL_BYTES,
    check_head,
    headers_too_large,
)
from server.http.timeouts import BODY, FRESH, HEAD, IDLE, WriteProgress, overdue
from server.logs import log


class _StopParsing(Exception):
    """Stops the parser within a request that is refused."""


class Connection(HttpToolsProtocol):
    """One client connection. uvicorn makes the instances, so ``worker`` is set on a subclass, one per process."""

    worker: WorkerState

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Called when a client has connected."""
        super().connection_made(transport)
        self.worker.watch(self.server_state, self.loop)
        # Lifetime: the connection
        self.exchanges: deque[Exchange] = deque()  # hot requests, in order
        self._refused = False  # no more reading
        self._write_progress: WriteProgress | None = None  # while writing is paused

        # Lifetime: until what it waits for has arrived
        self._waits_for = FRESH
        self._since = self.worker.now  # coarse clock: when it began to wait
        self._received = 0  # bytes of the head or body being read
        self._large_head = False  # the head being read may exceed MAX_HEAD_BYTES: measure it

        # Lifetime: one request being read
        self._cold = False
        self._route: HotRoute | None = None  # if hot
        self._exchange: Exchange | None = None  # if hot
        self._body: bytes | bytearray = b""  # if hot

    def connection_lost(self, exc: Exception | None) -> None:
        """Marks the hot requests done: the client has disconnected."""
        super().connection_lost(exc)
        self._drop_exchanges()

    def _drop_exchanges(self) -> None:
        for exchange in self.exchanges:
            exchange.done = True
        self.exchanges.clear()
        self._exchange = None

    # Reading

    def data_received(self, data: bytes) -> None:
        """Enters a whole request with a known head; else feeds the parser, whose callbacks follow below."""
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
            pass  # no upgrade is supported: the request is answered without one
        except httptools.HttpParserCallbackError as error:
            self._callback_failed(error)
        except httptools.HttpParserError:
            self._refuse(ServerError("bad_request", "the request is not valid HTTP/1.1"))
        if within_head and self._waits_for == HEAD:
            self._received += len(data)
            if self._received > MAX_HEAD_BYTES:  # a header without end never reaches the parser's callbacks
                self._refuse(headers_too_large())

    def _callback_failed(self, error: httptools.HttpParserCallbackError) -> None:
        cause = error.__context__
        if isinstance(cause, _StopParsing):
            return
        if isinstance(cause, httptools.HttpParserError):
            self._refuse(ServerError("bad_request", "the request is not valid HTTP/1.1"))
            return
        log.error("a connection failed", exc_info=error)
        self._refuse(ServerError("internal", "the server failed on this request; its log says why"))

    def on_message_begin(self) -> None:
        """A request begins."""
        if self._refused:
            raise _StopParsing
        self.url = b""
        self.headers = []
        self._cold = False
        self._received = 0
        self._waits_for = HEAD
        self._since = self.worker.now

    def on_url(self, url: bytes) -> None:
        """A piece of the request target."""
        self.url += url
        if len(self.url) > MAX_URL_BYTES:
            self._stop(ServerError("uri_too_long", f"the request target is longer than {MAX_URL_BYTES} bytes"))

    def on_header(self, name: bytes, value: bytes) -> None:
        """A whole header; the client decides the case of its name."""
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """The head is complete: decides whether the request is hot and whether it passes the gate."""
        self._waits_for = BODY
        self._since = self.worker.now
        self._received = 0
        try:
            check_head(self.headers, self._large_head)
        except ServerError as error:
            self._stop(error)
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
            described = route.codec.read_headers(self.headers)
            route.batcher.check_capacity(deadline)
        except ServerError as error:
            exchange = Exchange(self, gate.identify(self._lowered()), 0.0)
            exchange.close = not self._keeps_alive(True)
            self.exchanges.append(exchange)
            exchange.fail(error)
            return
        exchange = Exchange(self, request_id or gate.next_id(), deadline)
        if not self._keeps_alive(has_connection):
            exchange.close = True
        elif not gate.keyed and not route.codec.reads_headers:
            self.worker.head_cache.learn(self.headers)
        exchange.request = described
        self.exchanges.append(exchange)
        self._exchange, self._route, self._body = exchange, route, b""

    def _go_known(self, known: Recognised[HotRoute]) -> None:
        """Enters a whole hot request with a known head; the parser stays between two messages."""
        route, request_id, start, body = known
        worker = self.worker
        gate = worker.endpoints.gate
        self._waits_for = IDLE
        self._since = worker.now
        now = monotonic()
        exchange = Exchange(self, request_id or gate.next_id(), gate.deadline(now, start), now)
        self.exchanges.append(exchange)
        try:
            gate.check_size(len(body))
            route.batcher.check_capacity(exchange.deadline)
        except ServerError as error:
            exchange.fail(error)
            return
        self._enter(route, exchange, body)

    def _keeps_alive(self, has_connection: bool) -> bool:
        """Whether the connection stays open, as uvicorn decides: HTTP/1.0 never, else as the parser says."""
        keeps: bool = self.parser.should_keep_alive()
        return keeps and not (has_connection and self.parser.get_http_version() == "1.0")

    def _lowered(self) -> list[tuple[bytes, bytes]]:
        return [(name.lower(), value) for name, value in self.headers or ()]

    def _may_be_hot(self) -> bool:
        """Whether it is a POST and no cold request is unanswered: answers keep their order."""
        cycle = self.cycle
        return (cycle is None or cycle.response_complete) and not self.pipeline and self.parser.get_method() == b"POST"

    def _go_cold(self) -> None:
        """Hands the head to uvicorn's own callbacks."""
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
            raise _StopParsing from None

    def on_message_complete(self) -> None:
        """The request is complete."""
        self._waits_for = IDLE
        self._since = self.worker.now
        exchange, route = self._exchange, self._route
        if exchange is None or route is None:
            if self._cold:
                super().on_message_complete()
            return
        self._exchange = None
        exchange.arrived = monotonic()
        self._enter(route, exchange, self._body)

    def _enter(self, route: HotRoute, exchange: Exchange, body: bytes | bytearray) -> None:
        enter(route, exchange, body)
        if len(self.exchanges) > MAX_PIPELINED or (len(body) > MAX_PIPELINED_BYTES and self.exchanges):
            self.flow.pause_reading()

    # Answering

    def is_last(self, exchange: Exchange) -> bool:
        """Whether no request has begun after this one."""
        return self.exchanges[-1] is exchange and self._waits_for == IDLE and not self.pipeline

    def flush(self) -> None:
        """Writes the answers at the head of the queue that are complete; the first must be."""
        exchanges = self.exchanges
        first = exchanges.popleft()
        output, close = first.output or b"", first.close
        while exchanges and not close and (more := exchanges[0].output) is not None:
            output += more
            close = exchanges.popleft().close
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
        """Resumes reading once writing is not paused and only the request being read is unanswered."""
        owed = len(self.exchanges) - (self._exchange is not None)
        if not owed and not self.pipeline and not self.flow.write_paused:
            self.flow.resume_reading()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        """Starts a cold request, or queues it until the hot requests before it are answered."""
        if self.exchanges:
            self.flow.pause_reading()
            self.pipeline.appendleft((cycle, app))
        else:
            super()._start_asgi_task(cycle, app)

    def _stop(self, error: ServerError) -> None:
        """Refuses as `_refuse` does, from within a parser callback."""
        self._refuse(error)
        raise _StopParsing

    def _refuse(self, error: ServerError) -> None:
        """Refuses the request being read, after the answers before it, and closes the connection."""
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
        """The write buffer is full: pauses reading too and watches the client's progress."""
        super().pause_writing()
        self._write_progress = WriteProgress(self.transport, monotonic())
        self.flow.pause_reading()

    def resume_writing(self) -> None:
        """The write buffer has drained."""
        super().resume_writing()
        self._write_progress = None
        self._read_on()

    def check_time(self, now: float) -> None:
        """Ends a connection that has exceeded a time limit. Called by the sweep with the monotonic time."""
        waited = now - self._since
        if self._write_progress is not None:
            if self._write_progress.is_stalled(now):
                self.transport.abort()
        elif self._is_idle() and self._waits_for == IDLE:
            if waited > self.timeout_keep_alive:
                self.transport.close()
        elif not self.flow.read_paused and (message := overdue(self._waits_for, waited, self._received)):
            self._give_up(message)

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
        """Closes the connection of a retiring worker if no request is on it."""
        if self._is_idle():
            self.transport.close()

    def shutdown(self) -> None:
        """Called by uvicorn when the worker retires: open requests are answered with ``Connection: close``."""
        self.worker.retire(self.loop)
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.keep_alive = False


def connection_class(endpoints: Endpoints) -> type[Connection]:
    """Makes the protocol class of one worker."""
    return type("Connection", (Connection,), {"worker": WorkerState(endpoints)})
