"""Owns the order of the answers of a connection, and its refusals. Parses nothing, and knows no time limits.

A hot request is an `Exchange`, queued in ``exchanges`` until its answer and all before it are written. A cold request
has its place among them, and begins when it is the first, as it writes by itself; uvicorn's ``pipeline`` stays empty.
Hot requests behind it run meanwhile. A refusal is the last word of the connection.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from functools import partial

from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from server.batching.queue import NEVER
from server.endpoints.entering import HotRoute
from server.endpoints.framing import has_body
from server.endpoints.gate import OPEN_PATHS
from server.endpoints.portions import PORTION_BYTES
from server.errors import ServerError
from server.http.cold.place import ColdPlace
from server.http.cold.starts import FIRST_LOOK, LOOK, OTHER
from server.http.exchange import Exchange
from server.http.layers.flow import FlowingConnection
from server.http.limits import MAX_COLD_AHEAD
from server.http.timeouts import BODY, FRESH, IDLE


class AnsweringConnection(FlowingConnection):
    """A connection as its answers see it."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Called when a client has connected."""
        super().connection_made(transport)
        # Lifetime: the connection
        self.account = self.worker.endpoints.ledger.account()
        self.exchanges: deque[Exchange] = deque()  # requests, in order
        self._crowded = False  # it has one of the kept places, or none
        self._gave_way = False  # to another connection, as it was idle
        self._has_asked = False  # something cold
        self._refused = False  # no more reading

        # Lifetime: until what it waits for has arrived
        self._waits_for = FRESH

        self._cold = False  # the request being read is cold
        self._exchange: Exchange | None = None  # the request being read, if hot

    def connection_lost(self, exc: Exception | None) -> None:
        """Drops the requests: the client has disconnected."""
        if self._gave_way:
            self.worker.room.leaving -= 1
        super().connection_lost(exc)
        self._drop_exchanges()

    def _drop_exchanges(self) -> None:
        for exchange in self.exchanges:
            exchange.drop()
        self.exchanges.clear()
        self._exchange = None

    # Order

    def is_last(self, exchange: Exchange) -> bool:
        """Whether no request has begun after this one."""
        return self.exchanges[-1] is exchange and self._waits_for == IDLE and self.flow.parse_on is None

    def _needs_more(self, exchange: Exchange) -> bool:
        return exchange is self._exchange or isinstance(exchange, ColdPlace)

    def flush(self) -> None:
        """Writes the answers at the head of the queue that are complete; the first must be."""
        exchanges = self.exchanges
        first = exchanges.popleft()
        output, close, pieces = first.output or b"", first.close, first.pieces
        while exchanges and not (close or pieces) and (more := exchanges[0].output) is not None:
            if len(output) > PORTION_BYTES:  # to join many would take long
                break
            output += more
            first = exchanges.popleft()
            close, pieces = first.close, first.pieces
        if pieces or len(output) > PORTION_BYTES:
            self._flush_large([output, *pieces], close)
            return
        self.transport.write(output)
        if self.flow.write_paused:
            self._count_waiting()
        if close:
            self._end()
        elif exchanges and exchanges[0].waits:
            exchanges[0].begin()
        elif self.flow.read_paused:
            self.flow.resume_reading()

    def _flush_large(self, answer: Sequence[bytes | memoryview], close: bool) -> None:
        """Writes a large answer in portions; one in its place lets no other pass meanwhile."""
        place = Exchange(self, b"", NEVER)
        place.close = close
        self.exchanges.appendleft(place)
        self._write_in_portions(answer)

    def _all_written(self) -> None:
        if self.exchanges[0].close:
            self._end()
        else:
            self._go_on()
        if self._half_closed and self._portions is None:
            self.transport.close()

    def _go_on(self) -> None:
        """Goes on behind the first request, which is answered."""
        exchanges = self.exchanges
        exchanges.popleft()
        if exchanges and exchanges[0].output is not None:
            self.flush()
        elif exchanges and exchanges[0].waits:
            exchanges[0].begin()
        elif self.flow.read_paused:
            self.flow.resume_reading()

    def _end(self) -> None:
        """Closes the connection once what is written is sent."""
        self._refused = True
        self._let_go()
        self._drop_exchanges()
        self.transport.close()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        """Gives a cold request its place, and starts it if it is the first."""
        place = ColdPlace(self, cycle, self._kind_of(cycle), partial(super()._start_asgi_task, cycle, app))
        self.exchanges.append(place)
        if self.exchanges[0] is place:
            place.begin()
        elif len(self.exchanges) > MAX_COLD_AHEAD or has_body(self.headers):
            self.flow.pause_reading()

    def _kind_of(self, cycle: RequestResponseCycle) -> int:
        """What a cold request is to `cold.starts`."""
        first, self._has_asked = not self._has_asked, True
        if cycle.scope["path"] not in OPEN_PATHS:
            return OTHER
        return FIRST_LOOK if first else LOOK

    def on_response_complete(self) -> None:
        """The cold request that is the first is answered."""
        super().on_response_complete()
        self._unset_keepalive_if_required()  # the sweep ends idle ones; the timer sees nothing of what is unparsed
        self._forget_request()
        if self.transport.is_closing():
            self._drop_exchanges()
        else:
            self._go_on()

    # Refusing

    def _hold(self, route: HotRoute, exchange: Exchange, size: int) -> None:
        """Counts bytes of a body. Raises ServerError ``overloaded``, and counts that as a failure of the model's."""
        try:
            exchange.hold(size)
        except ServerError as error:
            route.batcher.metrics.failed(error.code)
            raise

    def _refuse(self, error: ServerError) -> None:
        """Refuses the request being read, after the answers before it, and closes the connection."""
        if self._refused:
            return
        self._refused = True
        self._let_go()
        if self._cold and self._waits_for == BODY and not self._take_back_cold():
            self._end_after_cold()
            return
        exchange, self._exchange = self._exchange, None
        begun = exchange is not None
        if exchange is None:
            exchange = self.worker.make_exchange(self, self.worker.endpoints.gate.identify(self._lowered()), 0.0)
        exchange.close = True
        if not begun:
            self.exchanges.append(exchange)
        exchange.fail(error)

    def _forget_request(self) -> None:
        """Lets go of the request that was read last, unless it is still read or answered: the next may never come."""
        if self._waits_for == IDLE:
            self.url, self.headers = b"", []
        if self.cycle is not None and self.cycle.response_complete and not (self._cold and self._waits_for == BODY):
            self.scope = self.cycle = None  # type: ignore[assignment]

    def _end_behind_last(self) -> None:
        """Reads no more, and closes the connection behind the last answer that is owed."""
        self._refused = True
        self._let_go()
        if self.exchanges:
            self.exchanges[-1].close = True
        else:
            self._end()

    def _take_back_cold(self) -> bool:
        """Takes the cold request being read from the application; returns whether it has no answer yet."""
        if self.cycle.response_started:
            return False
        self.exchanges.pop().drop()
        return True

    def _end_after_cold(self) -> None:
        if self.cycle.response_complete:
            self._end()
        else:
            self.cycle.keep_alive = False

    def _lowered(self) -> list[tuple[bytes, bytes]]:
        """The headers as door one has them: names in lower case, values without blanks at their end."""
        return [(name.lower(), value.rstrip(b" \t")) for name, value in self.headers or ()]
