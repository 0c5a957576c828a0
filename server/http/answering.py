"""Owns the answering half of a connection: the order of answers, what may be owed, its time limits. Parses nothing.

A hot request is an `Exchange`, queued in ``exchanges`` until its answer and all before it are written. A cold request
is uvicorn's ``cycle`` or waits in ``pipeline``. Hot requests never stand behind cold ones, but a refusal may: it is the
last word of the connection, and waits until every cold request is answered.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from time import monotonic

from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from server.errors import ServerError
from server.http.exchange import Exchange, WorkerState
from server.http.timeouts import BODY, FRESH, IDLE, WRITE_SECONDS, WriteProgress, fills_window, overdue


class ReadAhead(FlowControl):
    """uvicorn's flow control, for a connection that may hold bytes it has read and not parsed.

    ``parse_on``: set while it does; reading them is resumed by calling it instead.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        super().__init__(transport)
        self.parse_on: Callable[[], None] | None = None

    def resume_reading(self) -> None:
        """Resumes with what has been read, then with the transport."""
        if self.parse_on is None:
            super().resume_reading()
        elif self.read_paused:
            self.read_paused = False
            self.parse_on()


class AnsweringConnection(HttpToolsProtocol):
    """A connection as its answers see it. ``worker`` is set on a subclass, one per process."""

    worker: WorkerState
    flow: ReadAhead

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Called when a client has connected."""
        super().connection_made(transport)
        self.flow = ReadAhead(transport)
        self.worker.watch(self.server_state, self.loop)
        # Lifetime: the connection
        self.account = self.worker.endpoints.ledger.account()
        self.exchanges: deque[Exchange] = deque()  # hot requests, in order
        self._waiting_answers = 0  # written since the client fell behind
        self.unparsed_bytes = 0  # of what was read and is kept until it is parsed
        self._crowded = len(self.connections) > self.worker.places.open  # it has one of the kept places, or none
        self._refused = False  # no more reading
        self._last_word: tuple[Exchange, ServerError] | None = None  # after the cold requests
        self._write_progress: WriteProgress | None = None  # while the client owes acknowledgements
        self._look_at = self.worker.now + WRITE_SECONDS  # when to look for them in the kernel

        # Lifetime: until what it waits for has arrived
        self._waits_for = FRESH
        self._since = self.worker.now  # coarse clock: when it began to wait; of a body, when its window began
        self._received = 0  # bytes of the head or body being read
        self._window = 0  # of them, those from before the window

        self._running: RequestResponseCycle | None = None  # the last cold request that was given to the application
        self._queued = False  # the connection waits to parse on
        self._cold = False  # the request being read is cold
        self._exchange: Exchange | None = None  # the request being read, if hot

    def connection_lost(self, exc: Exception | None) -> None:
        """Marks the hot requests done: the client has disconnected."""
        self.flow.parse_on = None
        self.worker.debts.settle(self)
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
            output += more
            first = exchanges.popleft()
            close, pieces = first.close, first.pieces
        if pieces:
            self.transport.writelines([output, *pieces])
            if not close and exchanges and exchanges[0].output is not None:
                self._count_waiting()
                self.flush()  # at most MAX_PIPELINED deep
                return
        else:
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
            exchange = Exchange(self, self.worker.endpoints.gate.identify(self._lowered()), 0.0)
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

    # Flow

    def _read_on(self) -> None:
        """Resumes reading once writing is not paused and only the request being read is unanswered."""
        owed = len(self.exchanges) - (self._exchange is not None)
        if not owed and not self.pipeline and not self.flow.write_paused:
            self.flow.resume_reading()

    def pause_writing(self) -> None:
        """The write buffer is full: pauses reading too and watches the client's progress."""
        super().pause_writing()
        self._write_progress = WriteProgress(self.transport, monotonic())
        self.flow.pause_reading()
        self._count_owed()

    def resume_writing(self) -> None:
        """The write buffer has drained."""
        super().resume_writing()
        self._write_progress = None
        self._waiting_answers = 0
        self._count_owed()
        self._read_on()

    def owed_bytes(self) -> int:
        """What waits in memory for the client to take, or for us to parse."""
        return self.transport.get_write_buffer_size() + self.unparsed_bytes

    def owes_several(self) -> bool:
        """Whether more than one answer waits for the client."""
        return self._waiting_answers > 1

    def _count_waiting(self) -> None:
        """Counts an answer that was written to a client that is behind."""
        if self.flow.write_paused:
            self._waiting_answers += 1
            self._count_owed()

    def _count_owed(self) -> None:
        if self.flow.write_paused or self.unparsed_bytes:
            self.worker.debts.owe(self)
        else:
            self.worker.debts.settle(self)

    # Time

    def check_time(self, now: float) -> None:
        """Ends a connection that has exceeded a time limit. Called by the sweep with the monotonic time."""
        if self._is_stalled(now):
            self.transport.abort()
        elif self._waits_for == IDLE:
            if not self._is_idle():
                self._since = now  # it is idle from its answer on
            elif now - self._since > self.timeout_keep_alive:
                self.transport.close()
        elif self._is_held() or (self._waits_for == BODY and fills_window(self._received - self._window)):
            self._since, self._window = now, self._received
        elif message := overdue(self._waits_for, now - self._since, self._received - self._window):
            if self._waits_for == FRESH:
                self.transport.close()
            else:
                self._refuse(ServerError("request_timeout", message))

    def _is_stalled(self, now: float) -> bool:
        """Whether the client takes its answers too slowly: those in our buffer, and now and then the kernel's."""
        progress = self._write_progress
        if progress is None:
            if now >= self._look_at or self.transport.get_write_buffer_size():
                self._look_at = now + WRITE_SECONDS
                progress = WriteProgress(self.transport, now)
                self._write_progress = progress if progress.owed else None
            return False
        stalled = progress.is_stalled(now)
        if not progress.owed and not self.flow.write_paused:
            self._write_progress = None
        return stalled

    def _is_held(self) -> bool:
        """Whether it is not the client whom the request being read waits for."""
        return self.flow.read_paused or self._queued

    def _is_idle(self) -> bool:
        owes = self.exchanges or self.flow.parse_on is not None or self._owes_cold()
        return self._waits_for in (FRESH, IDLE) and not owes

    def close_if_idle(self) -> None:
        """Closes the connection of a retiring worker if no request is on it."""
        if self._is_idle():
            self.transport.close()

    def shutdown(self) -> None:
        """Called by uvicorn when the worker retires: open requests are answered with ``Connection: close``."""
        self.worker.retire(self.loop)
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.keep_alive = False
