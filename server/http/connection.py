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

What lies below the parser's callbacks stands in `layers`.
"""

from __future__ import annotations

import asyncio
from time import monotonic

from server.endpoints.entering import HotRoute, enter
from server.endpoints.framing import body_length, check_framing
from server.endpoints.ledger import SMALL_BODY_BYTES
from server.errors import ServerError
from server.http.exchange import Exchange
from server.http.head_cache import Recognised
from server.http.layers.reading import ReadingConnection, StopParsing
from server.http.limits import (
    MAX_HEAD_BYTES,
    MAX_PIPELINED,
    MAX_PIPELINED_BYTES,
    MAX_URL_BYTES,
    TRAILER_BYTES,
    check_head,
    headers_too_large,
)
from server.http.places import KEPT_PATHS, no_place
from server.http.targets import origin_form
from server.http.timeouts import BODY, HEAD, IDLE


class Connection(ReadingConnection):
    """One client connection. uvicorn makes the instances, of a class of `keyed`."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Called when a client has connected."""
        super().connection_made(transport)
        # Lifetime: one request being read
        self._route: HotRoute | None = None  # if hot
        self._body: bytes | bytearray = b""  # if hot

        if self._crowded:
            self._waits_for = HEAD  # no known head: `on_headers_complete` looks at the path
            if len(self.connections) > sum(self.worker.places):
                self._refuse(no_place())

    def _let_go(self) -> None:
        super()._let_go()
        self._body = b""

    def on_message_begin(self) -> None:
        """A request begins."""
        if self._refused:
            raise StopParsing
        self.url = b""
        self.headers = []
        self._began = True
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
        """A whole header, the client decides the case of its name; or a trailer, which is counted and ignored."""
        if self._waits_for != BODY:
            self.headers.append((name, value))
            return
        if name.lower() == b"connection":  # the parser would end the connection, which the answer does not tell
            self._stop(ServerError("bad_request", "Connection is no trailer"))
        self._beside_body += max(len(name) + len(value), TRAILER_BYTES)
        if self._beside_body > MAX_HEAD_BYTES:
            self._stop(headers_too_large())

    def on_headers_complete(self) -> None:
        """The head is complete: decides whether the request is hot and whether it passes the gate."""
        self._waits_for = BODY
        self._since = self.worker.now
        self._received = self._window = self._beside_body = 0
        parser = self.parser
        if parser.should_upgrade():
            if parser.get_method() == b"CONNECT":
                self._stop(ServerError("bad_request", "this server is no proxy"))
            return  # `_feed` goes on
        version = parser.get_http_version()
        try:
            check_head(self.headers, self._large_head)
            if version not in ("1.1", "1.0"):
                raise ServerError("bad_request", "this server speaks HTTP/1.1 and HTTP/1.0")
            if not self.url.startswith(b"/") and self.url != b"*":
                self.url, self.headers = origin_form(self.url, self.headers)
        except ServerError as error:
            self._stop(error)
        if self._crowded and self.url.partition(b"?")[0] not in KEPT_PATHS:
            self._stop(no_place())
        route = self.worker.hot.get(self.url)
        if route is None or version == "1.0" or parser.get_method() != b"POST":
            self._go_cold(version)
        else:
            self._go_hot(route)

    def _go_hot(self, route: HotRoute) -> None:
        gate = self.worker.endpoints.gate
        try:
            if gate.keyed:
                gate.authorise_hot(route.path, self._lowered())
            request_id, deadline, cold, has_host, no_store = gate.admit(self.headers)
            if cold or not has_host:
                self._go_cold("1.1")
                return
            if self.worker.quota is not None:
                self.worker.quota.check(self.headers, self._address())
            described = route.codec.read_headers(self.headers)
            route.batcher.check_capacity(deadline)
        except ServerError as error:
            exchange = self.worker.make_exchange(self, gate.identify(self._lowered()), 0.0, route)
            exchange.close = not self.parser.should_keep_alive() or gate.is_too_long(body_length(self.headers) or 0)
            self.exchanges.append(exchange)
            exchange.fail(error)
            return
        exchange = self.worker.make_exchange(self, request_id or gate.next_id(), deadline, route)
        if not self.parser.should_keep_alive():
            exchange.close = True
        elif self.worker.knows_heads:
            self._learn(route)
        exchange.request = described
        exchange.no_store = no_store
        self.exchanges.append(exchange)
        self._exchange, self._route, self._body = exchange, route, b""

    def _learn(self, route: HotRoute) -> None:
        self.worker.head_cache.learn(self.headers, route)

    def _go_known(self, known: Recognised[HotRoute]) -> None:
        """Enters a whole hot request with a known head; the parser stays between two messages."""
        route, request_id, start, body, described = known
        worker = self.worker
        gate = worker.gate
        self._waits_for = IDLE
        self._since = worker.now
        now = monotonic()
        deadline = now + gate.deadline_seconds if start is None else gate.deadline(now, start)
        exchange = worker.make_exchange(self, request_id or gate.next_id(), deadline, route, now)
        exchange.request = described
        exchanges = self.exchanges
        exchanges.append(exchange)
        try:
            if worker.quota is not None:
                worker.quota.check((), self._address())
            if len(body) > worker.small_body_bytes:
                gate.check_size(len(body))
                self._hold(route, exchange, len(body))
            route.batcher.check_capacity(deadline)
        except ServerError as error:
            exchange.fail(error)
            return
        enter(route, exchange, body)
        if len(exchanges) > MAX_PIPELINED or (len(body) > MAX_PIPELINED_BYTES and exchanges):
            self.flow.pause_reading()

    def _address(self) -> str | None:
        return self.client[0] if self.client else None

    def _go_cold(self, version: str) -> None:
        """Hands the head to uvicorn's own callbacks."""
        url, headers = self.url, self._lowered()
        gate = self.worker.endpoints.gate
        try:
            check_framing(headers, version)
            gate.check_host(headers, version)
        except ServerError as error:
            self._stop(error)
        super().on_message_begin()
        self.url = url
        self.headers += headers
        self.expect_100_continue = version != "1.0" and any(  # such a client takes the 100 for its answer
            name == b"expect" and value.lower() == b"100-continue" for name, value in headers
        )
        self.cycle = None  # type: ignore[assignment]  # or uvicorn would queue the request by itself
        super().on_headers_complete()
        self._cold = True
        if self.worker.retiring or self._crowded:
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        self._received += len(body)
        if self._exchange is not None and self._route is not None:
            if self._received > self.worker.small_body_bytes:
                self._weigh(self._route, self._exchange, len(body))
            if self._received == len(body):
                self._body = body
            else:
                if isinstance(self._body, bytes):
                    self._body = bytearray(self._body)
                self._body += body
            return
        self._check_unheld()
        if self._cold:
            super().on_body(body)

    def _weigh(self, route: HotRoute, exchange: Exchange, size: int) -> None:
        """Counts ``size`` more bytes of a body that is not small; refuses the request if they are too many."""
        try:
            self.worker.endpoints.gate.check_size(self._received)
            self._hold(route, exchange, size if self._received - size > SMALL_BODY_BYTES else self._received)
        except ServerError as error:
            self._exchange, self._body = None, b""  # what still comes of it is dropped
            exchange.fail(error)
            if exchange.close:
                self._refused = True
                raise StopParsing from None

    def on_message_complete(self) -> None:
        """The request is complete."""
        self._waits_for = IDLE
        self._since = self.worker.now
        exchange, route = self._exchange, self._route
        if exchange is None or route is None:
            if self._cold:
                super().on_message_complete()
            if not self.parser.should_upgrade():  # else `_feed` goes on with it
                self._forget_request()
            return
        self._exchange = None
        exchange.arrived = monotonic()
        body, self._body = self._body, b""
        self.headers = []
        enter(route, exchange, body)
        if len(self.exchanges) > MAX_PIPELINED or (len(body) > MAX_PIPELINED_BYTES and self.exchanges):
            self.flow.pause_reading()
