"""Owns a hot request and the bytes of its answer.

Knows nothing of parsing: a connection makes an exchange when the head of a hot request has passed the gate.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from time import monotonic
from typing import TYPE_CHECKING, Protocol

from server.batching.entry import Entry, PiecedAnswer
from server.endpoints.entering import HotRoute, server_timing
from server.endpoints.ledger import Account, Lease
from server.endpoints.portions import PORTION_BYTES
from server.errors import ServerError, envelope

if TYPE_CHECKING:
    from server.http.worker_state import WorkerState

OK_HEAD = b"%bcontent-length: %d\r\ncontent-type: application/json\r\nx-request-id: %b\r\n%b\r\n%b"
ERROR_HEAD = b"%b%bcontent-length: %d\r\ncontent-type: application/json\r\nx-request-id: %b\r\n%b\r\n%b"
PIECES_HEAD = b"%b%bcontent-length: %d\r\ncontent-type: %b\r\nx-request-id: %b\r\n%b\r\n"
CLOSE_HEADER = b"connection: close\r\n"
SMALL_ANSWER_BYTES = 4096  # answers of a connection that wait for those before them are counted once they are more


class AnswersInOrder(Protocol):
    """The part of a connection that an exchange uses."""

    worker: WorkerState
    account: Account
    exchanges: deque[Exchange]  # in the order of the requests
    uncounted_bytes: int  # of answers that wait behind others, since these were last counted

    def flush(self) -> None:
        """Writes the answers at the head of the queue that are complete."""

    def count_owed(self) -> None:
        """Counts what waits in memory because of this connection."""

    def is_last(self, exchange: Exchange) -> bool:
        """Whether no request has begun after this one."""


class Exchange(Entry):
    """A hot request, from its head to its answer.

    ``output``: the bytes of its answer, None until it has one; ``pieces``: of a large answer, what follows them.
    """

    output: bytes | None
    pieces: Sequence[bytes | memoryview] = ()
    pieces_bytes = 0
    close: bool  # the connection ends with this answer
    waits = False  # it is a cold request that has not begun
    _lease: Lease | None = None  # of a request whose bytes are counted

    def __init__(
        self,
        connection: AnswersInOrder,
        request_id: bytes,
        deadline: float,
        route: HotRoute | None = None,
        arrived: float = 0.0,
    ) -> None:
        """``route``: None for a request that is refused before it is known; ``arrived``: 0 until it is complete."""
        self.request = self.output = None  # and not by the base's own, which is a call more for each request
        self.done = self.close = False
        self.connection = connection
        self.request_id = request_id
        self.deadline = deadline
        self.route = route
        self.arrived = arrived

    def begin(self) -> None:
        """Called if it ``waits``, once it is the first."""

    def drop(self) -> None:
        """Gives the request up: its client has left, or hears no more."""
        self.done = True

    @property
    def answer_bytes(self) -> int:
        """Of its answer, while it waits for those before it."""
        return 0 if self.output is None else len(self.output) + self.pieces_bytes

    def hold(self, size: int) -> None:
        """Counts bytes of the request, until it is freed. Raises ServerError ``overloaded`` where they are too many."""
        if self._lease is None:
            self._lease = Lease(self.connection.account)
        self._lease.hold(size)

    def weigh(self, size: int) -> None:
        if self._lease is None:
            self._lease = Lease(self.connection.account)
        self._lease.hold_at_least(size)

    def answer(self, body: bytes) -> None:
        """Makes the answer a 200 of JSON; it is written once all answers before it are."""
        connection = self.connection
        worker = connection.worker
        if self.timing is None and not (self.close or worker.retiring):
            length = len(body)
            head = worker.plain_heads.get(length) or worker.plain_head(length)
            self.output = b"".join((head, self.request_id, b"\r\n\r\n", body))
            if connection.exchanges[0] is self:
                connection.flush()
            else:
                self._wait_answered(length)
            return
        start = worker.ok_start
        if self.timing is not None:
            start = b"%bserver-timing: %b\r\n" % (start, server_timing(self).encode())
        end = b""
        if self.close or (worker.retiring and connection.is_last(self)):
            self.close = True
            end = CLOSE_HEADER
        self.output = OK_HEAD % (start, len(body), self.request_id, end, body)
        if connection.exchanges[0] is self:
            connection.flush()
        else:
            self._wait_answered(len(body))

    def answer_in_pieces(self, answer: PiecedAnswer) -> None:
        """Makes the answer a 200 with its own media type and headers; joins the pieces unless they are large."""
        connection = self.connection
        self.close = self.close or (connection.worker.retiring and connection.is_last(self))
        headers = answer.headers
        size = sum(map(len, answer.pieces))
        if self.timing is not None:
            headers = [*headers, (b"server-timing", server_timing(self).encode())]
        head = PIECES_HEAD % (
            connection.worker.ok_start,
            b"".join([b"%b: %b\r\n" % header for header in headers]),
            size,
            answer.media_type,
            self.request_id,
            CLOSE_HEADER if self.close else b"",
        )
        if size > PORTION_BYTES:  # to touch fresh memory for a copy takes long
            self.output, self.pieces, self.pieces_bytes = head, answer.pieces, size
        else:
            self.output = b"".join([head, *answer.pieces])
        if connection.exchanges[0] is self:
            connection.flush()
        else:
            self._wait_answered(size)

    def refuse(self, error: ServerError) -> None:
        """Makes the answer an error; the error's headers may close the connection."""
        connection = self.connection
        worker = connection.worker
        worker.endpoints.metrics.error(error.code)
        says_close = "connection" in error.headers
        self.close = self.close or says_close or (worker.retiring and connection.is_last(self))
        body = envelope(error, self.request_id.decode())
        headers = "".join([f"{name}: {value}\r\n" for name, value in error.headers.items()]).encode()
        end = CLOSE_HEADER if self.close and not says_close else b""
        start = worker.start_of(error.status)
        self.output = ERROR_HEAD % (start, headers, len(body), self.request_id, end, body)
        if connection.exchanges[0] is self:
            connection.flush()
        else:
            self._wait_behind(len(body))
        self._count_refusal(error.status)

    def _wait_answered(self, size: int) -> None:
        """Waits as below; no run needs what it asked any more, as it may of one that is refused."""
        self.request = None
        self._wait_behind(size)

    def _wait_behind(self, size: int) -> None:
        """Waits for the answers before it, which may never end: its place has its answer, and nothing of its body."""
        if self._lease is not None:
            exchanges = self.connection.exchanges
            exchanges[exchanges.index(self)] = place = Exchange(self.connection, self.request_id, self.deadline)
            place.done = True
            place.output, place.pieces, place.pieces_bytes = self.output, self.pieces, self.pieces_bytes
            place.close = self.close
        connection = self.connection
        connection.uncounted_bytes += size
        if connection.uncounted_bytes > SMALL_ANSWER_BYTES:
            connection.count_owed()

    def _count_refusal(self, status: int) -> None:
        """Counts how long a refused request took: no time if it was refused before it was complete."""
        if self.route is None:
            self.connection.worker.endpoints.metrics.other_request("none", status, 0.0)
            return
        self.route.batcher.metrics.request(self.route.route_name, status, self.seconds)

    @property
    def seconds(self) -> float:
        """Since it was complete; 0 if it is not."""
        return monotonic() - self.arrived + self.decode_seconds if self.arrived else 0.0


class LoggedExchange(Exchange):
    """One that is told in the access log, where there is one."""

    def answer(self, body: bytes) -> None:
        super().answer(body)
        self._log(200, len(body))

    def answer_in_pieces(self, answer: PiecedAnswer) -> None:
        super().answer_in_pieces(answer)
        self._log(200, sum(map(len, answer.pieces)))

    def refuse(self, error: ServerError) -> None:
        super().refuse(error)
        self._log(error.status, code=error.code)

    def _log(self, status: int, size: int | None = None, code: str | None = None) -> None:
        access_log, route = self.connection.worker.endpoints.access_log, self.route
        if access_log is None or not access_log.admits(status):
            return
        access_log.write(
            self.request_id.decode(),
            "POST",
            route.path if route is not None else None,
            status,
            self.seconds,
            code=code,
            bytes=size,
            model=route.batcher.name if route is not None else None,
            rows=getattr(self, "rows", None),
        )
