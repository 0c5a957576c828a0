"""Owns what becomes of the bytes of a connection until the parser has them. Knows no requests but as the parser's.

Many bytes or heads at once are parsed in pieces: where too much is owed after one, or others wait for their turn (see
`turn_queue`), the rest waits unparsed. A whole request with a known head goes round the parser.
"""

from __future__ import annotations

import asyncio
from time import monotonic

import httptools

from server.endpoints.entering import HotRoute
from server.endpoints.framing import body_length
from server.errors import ServerError
from server.http.head_cache import Recognised
from server.http.layers.waiting import WaitingConnection
from server.http.limits import HEAD_END, HEADS_AT_ONCE, MAX_HEAD_BYTES, PIECE_BYTES, headers_too_large, piece_end
from server.http.targets import head_without_upgrade
from server.http.timeouts import BODY, HEAD, IDLE
from server.logs import log


class StopParsing(Exception):
    """Stops the parser within a request that is refused."""


class ReadingConnection(WaitingConnection):
    """A connection as its bytes see it. The parser's callbacks follow in a subclass."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Called when a client has connected."""
        super().connection_made(transport)
        # Lifetime: one request being read
        self._began = False  # it began in the bytes that are being parsed
        self._large_head = False  # its head may exceed MAX_HEAD_BYTES: measure it
        self._beside_body = 0  # bytes round its chunks: of trailers, or that brought no body

    def _go_known(self, known: Recognised[HotRoute]) -> None:
        """Enters a whole hot request with a known head."""
        raise NotImplementedError

    def data_received(self, data: bytes) -> None:
        """Enters a whole request with a known head; else feeds the parser, which calls back."""
        if self._refused:
            return
        if self.timeout_keep_alive_task is not None:
            self._unset_keepalive_if_required()
        if self._waits_for <= IDLE and (known := self.worker.recognise(data)) is not None:
            self._go_known(known)
            return
        if len(data) <= PIECE_BYTES and data.count(HEAD_END) <= HEADS_AT_ONCE:
            self._parse(data)
            return
        self._unparsed, self._parsed, self.unparsed_bytes = data, 0, len(data)
        self.flow.parse_on = self._queue
        if self._body_left(1) or self.worker.parsing.idle:
            self.worker.parsing.begin(self.parse_on)
        else:
            self.transport.pause_reading()
            self._queue()
            self.count_owed()

    def parse_on(self, until: float) -> bool:
        """Parses piece by piece, but for a moment and until too much is owed; returns whether it could go on."""
        self._queued = False
        if self.flow.parse_on is None:  # refused, or gone
            return False
        data, at = self._unparsed, self._parsed
        while at < len(data) and not (self.flow.read_paused or self._refused):
            end = piece_end(data, at, self._body_left(len(data) - at))
            self._parse(data[at:end])
            at = end
            if at < len(data) and monotonic() >= until:
                break
        if at < len(data) and not self._refused:
            self._parsed, self.unparsed_bytes = at, len(data)  # all of them stay in memory
            self._queued = not self.flow.read_paused
            self.transport.pause_reading()
            self.count_owed()
            return self._queued
        super()._let_go()  # not of a body that goes on
        self.count_owed()
        if not self.flow.read_paused:
            self.transport.resume_reading()
        return False

    def _queue(self) -> None:
        if not self._queued:
            self._queued = True
            self.worker.parsing.add(self.parse_on)

    def _body_left(self, most: int) -> int:
        """Bytes that are certain to be of the hot body being read, ``most`` at most; else 0."""
        if self._exchange is None or self._waits_for != BODY:
            return 0
        length = body_length(self.headers)
        return 0 if length is None else min(length - self._received, most)

    def _parse(self, data: bytes) -> None:
        waited_for, received = self._waits_for, self._received
        self._began = False
        self._large_head = waited_for == HEAD
        try:
            self._feed(data)
        except httptools.HttpParserCallbackError as error:
            self._callback_failed(error)
        except httptools.HttpParserError:
            self._refuse(ServerError("bad_request", "the request is not valid HTTP/1.1"))
        if waited_for == self._waits_for and not self._began:
            self._count(len(data), received)

    def _feed(self, data: bytes | memoryview) -> None:
        """Feeds the parser, which ends where an upgrade would begin: there another gets the head again, without."""
        while True:
            parser = self.parser
            try:
                parser.feed_data(data)
            except httptools.HttpParserUpgrade as upgrade:
                data = memoryview(data)[upgrade.args[0] :]
                head = head_without_upgrade(parser.get_method(), self.url, parser.get_http_version(), self.headers)
                self.parser = httptools.HttpRequestParser(self)
                self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn does
                self.parser.feed_data(head)
            else:
                return

    def _count(self, size: int, received: int) -> None:
        """Counts bytes of a request that had begun before, and has not ended: what never reaches a callback."""
        if self._waits_for == HEAD:
            self._received += size
            if self._received > MAX_HEAD_BYTES:
                self._refuse(headers_too_large())
        elif self._waits_for == BODY and self._received == received:
            self._beside_body += size
            if self._beside_body > MAX_HEAD_BYTES:
                self._refuse(headers_too_large())

    def _check_unheld(self) -> None:
        """Ends the connection where a body that nobody waits for is too large. For parser callbacks."""
        try:
            self.worker.endpoints.gate.check_size(self._received)
        except ServerError as error:
            if self._cold:
                self._stop(error)
            self._end_behind_last()  # it was told another error
            raise StopParsing from None

    def _stop(self, error: ServerError) -> None:
        """Refuses as `_refuse` does, from within a parser callback."""
        self._refuse(error)
        raise StopParsing

    def _callback_failed(self, error: httptools.HttpParserCallbackError) -> None:
        cause = error.__context__
        if isinstance(cause, StopParsing):
            return
        if isinstance(cause, httptools.HttpParserError):
            self._refuse(ServerError("bad_request", "the request is not valid HTTP/1.1"))
            return
        log.error("a connection failed", exc_info=error)
        self._refuse(ServerError("internal", "the server failed on this request; its log says why"))
