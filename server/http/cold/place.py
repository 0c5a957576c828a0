"""Owns the place of a cold request among the hot ones of its connection. Knows neither its route nor its answer."""

from __future__ import annotations

from collections.abc import Callable

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from server.batching.queue import NEVER
from server.http.exchange import AnswersInOrder, Exchange


class ColdPlace(Exchange):
    """Stands in ``exchanges`` until uvicorn's ``cycle`` has answered the request, or it is taken back.

    ``kind``: see `starts`; ``start``: gives it to the application.
    """

    waits = True

    def __init__(
        self, connection: AnswersInOrder, cycle: RequestResponseCycle, kind: int, start: Callable[[], None]
    ) -> None:
        super().__init__(connection, b"", NEVER)
        self.cycle = cycle
        self.start = start
        self._kind = kind

    def begin(self) -> None:
        """It is the first, and writes its answer by itself; it may have to wait for other connections' cold ones."""
        self.waits = False
        self.connection.worker.cold_starts.add(self, self._kind)

    def drop(self) -> None:
        """The application hears that the client has left; nothing is written any more."""
        self.done = True
        self.cycle.disconnected = True
        self.cycle.message_event.set()

    def abandon(self) -> None:
        """Ends the connection, as nobody will answer it."""
        self.cycle.transport.abort()
