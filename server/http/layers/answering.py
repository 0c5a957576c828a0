"""Owns the order of the answers of a connection, and its refusals. Parses nothing, and knows no time limits.

A hot request is an `Exchange`, queued in ``exchanges`` until its answer and all before it are written. A cold request
is uvicorn's ``cycle`` or waits in ``pipeline``. Hot requests never stand behind cold ones, but a refusal may: it is the
last word of the connection, and waits until every cold request is answered.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence

from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from server.batching.queue import NEVER
from server.endpoints.portions import PORTION_BYTES
from server.errors import ServerError
from server.http.exchange import Exchange
from server.http.layers.flow import FlowingConnection
from server.http.timeouts import BODY, FRESH, IDLE


class AnsweringConnection(FlowingConnection):
    """A connection as its answers see it."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Called when a client has connected."""
        super().connection_made(transport)
        # Lifetime: the connection
        self.account = self.worker.endpoints.ledger.account()
        self.exchanges: deque[Exchange] = deque()  # hot requests, in order
        self._crowded = len(self.connections) > self.worker.places.open  # it has one of the kept places, or none
        self._refused = False  # no more reading
        self._last_word: tuple[Exchange, ServerError] | None = None  # after the cold requests

        # Lifetime: until what it waits for has arrived
        self._waits_for = FRESH

        self._running: RequestResponseCycle | None = None  # the last cold request that was given to the application
        self._cold = False  # the request being read is cold
        self._exchange: Exchange | None = None  # the request being read, if hot

    def connection_lost(self, exc: Exception | None) -> None:
        """Marks the hot requests done: the client has disconnected."""
        super().connection_lost(exc)
        self._drop_exchanges()

    def _drop_exchanges(self) -> None:
        for exchange in self.exchanges:
            exchange.done = True
        self.exchanges.clear()
        self._exchange = None

    # Order

    def is_last(self, exchange: Exchange) -> bool:
        """Whether no request has begun after this one."""
        more = self.pipeline or self.flow.parse_on is not None
        return self.exchanges[-1] is exchange and self._waits_for == IDLE and not more

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
        elif self.pipeline:
            if not exchanges:
                self._start_asgi_task(*self.pipeline.pop())
        elif self.flow.read_paused:
            self._read_on()

    def _flush_large(self, answer: Sequence[bytes | memoryview], close: bool) -> None:
        """Writes a large answer in portions; one in its place lets no other pass meanwhile."""
        place = Exchange(self, b"", NEVER)
        place.close = close
        self.exchanges.appendleft(place)
        self._write_in_portions(answer)

    def _all_written(self) -> None:
        place = self.exchanges.popleft()
        if place.close:
            self._end()
        elif self.exchanges and self.exchanges[0].output is not None:
            self.flush()
        elif self.pipeline and not self.exchanges:
            self._start_asgi_task(*self.pipeline.pop())
        elif self.flow.read_paused:
            self._read_on()
        if self._half_closed and self._portions is None:
            self.transport.close()

    def _end(self) -> None:
        """Closes the connection once what is written is sent."""
        self._refused = True
        self.flow.parse_on = None
        self._drop_exchanges()
        self.transport.close()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        """Starts a cold request, or queues it until the hot requests before it are answered."""
        if self.exchanges:
            self.flow.pause_reading()
            self.pipeline.appendleft((cycle, app))
        else:
            self._running = cycle
            super()._start_asgi_task(cycle, app)

    def on_response_complete(self) -> None:
        """A cold request is answered: the next begins, or the last word is said."""
        super().on_response_complete()
        self._unset_keepalive_if_required()  # the sweep ends idle ones; the timer sees nothing of what is unparsed
        if self._last_word is not None and not self._owes_cold() and not self.transport.is_closing():
            exchange, error = self._last_word
            self._last_word = None
            self.exchanges.append(exchange)
            exchange.fail(error)

    def _owes_cold(self) -> bool:
        """Whether a cold request is unanswered."""
        running = self._running
        runs = running is not None and not running.response_complete and not running.disconnected
        return runs or bool(self.pipeline)

    # Refusing

    def _refuse(self, error: ServerError) -> None:
        """Refuses the request being read, after the answers before it, and closes the connection."""
        if self._refused:
            return
        self._refused = True
        self.flow.parse_on = None
        if self._cold and self._waits_for == BODY and not self._take_back_cold():
            self._end_after_cold()
            return
        exchange, self._exchange = self._exchange, None
        begun = exchange is not None
        if exchange is None:
            exchange = self.worker.make_exchange(self, self.worker.endpoints.gate.identify(self._lowered()), 0.0)
        exchange.close = True
        if not begun:
            if self._owes_cold():
                self._last_word = exchange, error
                return
            self.exchanges.append(exchange)
        exchange.fail(error)

    def _take_back_cold(self) -> bool:
        """Takes the cold request being read from the application; returns whether it has no answer yet."""
        cycle = self.cycle
        if self.pipeline and self.pipeline[0][0] is cycle:
            self.pipeline.popleft()
        elif cycle.response_started:
            return False
        cycle.disconnected = True
        cycle.message_event.set()
        return True

    def _end_after_cold(self) -> None:
        if self.cycle.response_complete:
            self._end()
        else:
            self.cycle.keep_alive = False

    def _lowered(self) -> list[tuple[bytes, bytes]]:
        """The headers as door one has them: names in lower case, values without blanks at their end."""
        return [(name.lower(), value.rstrip(b" \t")) for name, value in self.headers or ()]
