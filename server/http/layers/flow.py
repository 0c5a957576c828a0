"""Owns when a connection reads and writes, and what waits in memory for that. Knows neither requests nor answers.

The lowest layer of a connection over uvicorn's own. docs/behavior.md, "Limits".
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from time import monotonic

from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from server.http.exchange import Exchange, WorkerState
from server.http.timeouts import WriteProgress


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


class FlowingConnection(HttpToolsProtocol):
    """A connection as its buffers see it. ``worker`` is set on a subclass, one per process."""

    worker: WorkerState
    flow: ReadAhead
    exchanges: deque[Exchange]  # hot requests, in order
    _exchange: Exchange | None  # the request being read, if hot

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Called when a client has connected."""
        super().connection_made(transport)
        self.flow = ReadAhead(transport)
        self.worker.watch(self.server_state, self.loop)
        # Lifetime: the connection
        self._waiting_answers = 0  # written since the client fell behind
        self.unparsed_bytes = 0  # of what was read and is kept until it is parsed
        self._write_progress: WriteProgress | None = None  # while the client owes acknowledgements

    def connection_lost(self, exc: Exception | None) -> None:
        """The client owes nothing any more."""
        self.flow.parse_on = None
        self.worker.debts.settle(self)
        super().connection_lost(exc)

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
