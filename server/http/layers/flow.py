"""Owns when a connection reads and writes, and what waits in memory for that. Knows no requests.

The lowest layer of a connection over uvicorn's own. docs/behavior.md, "Limits".
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from time import monotonic

from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from server.endpoints.portions import Portions
from server.http.exchange import Exchange
from server.http.timeouts import WriteProgress
from server.http.worker_state import WorkerState


class ReadAhead(FlowControl):
    """uvicorn's flow control, for a connection that may hold bytes it has read and not parsed.

    ``parse_on``: set while it does; reading them is resumed by calling it instead. ``may_read``: whether anything is
    to be read.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        super().__init__(transport)
        self.parse_on: Callable[[], None] | None = None
        self.may_read: Callable[[], bool] = bool

    def resume_reading(self) -> None:
        """Resumes with what has been read, then with the transport, unless too much is owed. uvicorn calls it too."""
        if not self.may_read():
            return
        if self.parse_on is None:
            super().resume_reading()
        elif self.read_paused:
            self.read_paused = False
            self.parse_on()


class FlowingConnection(HttpToolsProtocol):
    """A connection as its buffers see it. ``shared`` is set on a subclass, one per process."""

    shared: WorkerState
    worker: WorkerState  # the same: CPython finds an attribute of the instance faster than one of its class
    flow: ReadAhead
    exchanges: deque[Exchange]  # hot requests, in order
    _exchange: Exchange | None  # the request being read, if hot

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Called when a client has connected."""
        super().connection_made(transport)
        self.worker = self.shared
        self.flow = ReadAhead(transport)
        self.flow.may_read = self._may_read
        self.worker.watch(self.server_state, self.loop)
        # Lifetime: the connection
        self._waiting_answers = 0  # written since the client fell behind
        self.uncounted_bytes = 0  # of answers that wait behind others, since `count_owed`
        self._unparsed = b""  # read, while too much is owed to parse on
        self._parsed = 0  # bytes of it that have been parsed
        self.unparsed_bytes = 0  # all of them, which stay in memory together
        self._portions: Portions | None = None  # of an answer that is being written
        self._writing_queued = False  # the connection waits to write on
        self._half_closed = False  # by the client, while it takes such an answer
        self._write_progress: WriteProgress | None = None  # while the client owes acknowledgements

    def connection_lost(self, exc: Exception | None) -> None:
        """The client owes nothing any more; what refers to the connection is let go, so that its memory is freed."""
        self._let_go()
        self._portions = None
        self.worker.debts.settle(self)
        super().connection_lost(exc)
        self.worker.endpoints.metrics.connections(len(self.connections))
        self.flow.may_read = bool
        del self.parser

    def _let_go(self) -> None:
        """Lets go of what was read: no more of it is parsed."""
        self.flow.parse_on = None
        self._unparsed, self._parsed, self.unparsed_bytes = b"", 0, 0

    def eof_received(self) -> bool:  # type: ignore[override]
        """The client sends no more: the transport closes, but not before the answer is written that is being."""
        super().eof_received()
        self._half_closed = self._portions is not None
        return self._half_closed

    # Writing

    def _write_in_portions(self, answer: Iterable[bytes | memoryview]) -> None:
        """Writes a large answer, a portion at a time; at its end `_all_written` is called."""
        self._portions = Portions(answer)
        self._write_later()
        self.count_owed()

    def _write_later(self) -> None:
        if not self._writing_queued:
            self._writing_queued = True
            self.worker.writing.add(self.write_on)

    def write_on(self, until: float) -> bool:
        """Writes until a time and while the client takes what is written; returns whether it could go on."""
        self._writing_queued = False
        portions = self._portions
        if portions is None or self.transport.is_closing():  # gone
            return False
        while not self.flow.write_paused:
            self.transport.writelines(portions.take())
            if not portions.left:
                self._portions = None
                self.count_owed()
                self._all_written()
                return False
            if monotonic() >= until:
                self._writing_queued = not self.flow.write_paused
                break
        self.count_owed()
        return self._writing_queued

    def _all_written(self) -> None:
        """Goes on behind an answer that was written in portions."""
        raise NotImplementedError

    # Flow

    def _may_read(self) -> bool:
        """Whether writing is not paused and nothing is unanswered but what is being read, or a cold request alone."""
        if self.flow.write_paused or self._portions is not None:
            return False
        owed = len(self.exchanges)
        return not owed or (owed == 1 and self._needs_more(self.exchanges[0]))

    def _needs_more(self, exchange: Exchange) -> bool:
        """Whether an exchange that is not answered waits for its own body, or hears when its client leaves."""
        raise NotImplementedError

    def pause_writing(self) -> None:
        """The write buffer is full: pauses reading too and watches the client's progress."""
        super().pause_writing()
        self._write_progress = WriteProgress(self.transport, monotonic())
        self.flow.pause_reading()
        self.count_owed()

    def resume_writing(self) -> None:
        """The write buffer has drained."""
        super().resume_writing()
        self._write_progress = None
        self._waiting_answers = 0
        if self._portions is not None:
            self._write_later()
        self.count_owed()
        self.flow.resume_reading()

    def owed_bytes(self) -> int:
        """What waits in memory for the client to take, for answers before it, or for us to parse."""
        answers = sum([exchange.answer_bytes for exchange in self.exchanges])
        return self.transport.get_write_buffer_size() + self.unparsed_bytes + self.unwritten_bytes + answers

    @property
    def unwritten_bytes(self) -> int:
        """Of an answer that is being written, what the transport does not have yet."""
        return self._portions.left if self._portions is not None else 0

    def owes_several(self) -> bool:
        """Whether more than one answer waits for the client."""
        answered = sum([exchange.output is not None for exchange in self.exchanges])
        return self._waiting_answers + answered + (self._portions is not None) > 1

    def _count_waiting(self) -> None:
        """Counts an answer that was written to a client that is behind."""
        if self.flow.write_paused:
            self._waiting_answers += 1
            self.count_owed()

    def count_owed(self) -> None:
        """Counts what waits because of this connection, if anything does."""
        self.uncounted_bytes = 0
        if self.owed_bytes():
            self.worker.debts.owe(self)
        else:
            self.worker.debts.settle(self)
