"""Owns the state that all connections of a worker share: hot routes, head cache, coarse clock, Date, retiring.

It knows connections only as what the sweep asks of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import monotonic
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from server.endpoints.entering import HotRoute
from server.endpoints.ledger import SMALL_BODY_BYTES
from server.endpoints.lifecycle import Endpoints
from server.http.cold.starts import ColdStarts
from server.http.debts import Debts
from server.http.exchange import Exchange, LoggedExchange
from server.http.head_cache import HeadCache, Recognised
from server.http.limits import MAX_HEADERS
from server.http.places import Room, places
from server.http.timeouts import RETIRE_GRACE_SECONDS, SWEEP_SECONDS
from server.http.turn_queue import TurnQueue
from server.logs import log

PLAIN_HEAD = b"%bcontent-length: %d\r\ncontent-type: application/json\r\nx-request-id: "
MAX_PLAIN_HEADS = 256


def _none(data: bytes) -> None:
    """No head is known."""


class WorkerState:
    """State shared by the connections of a worker: hot routes, head cache, coarse clock, date, retiring."""

    def __init__(self, endpoints: Endpoints) -> None:
        self.endpoints = endpoints
        self.gate = endpoints.gate
        self.hot: dict[bytes, HotRoute] = {}
        self.head_cache = HeadCache(self.hot)
        self.recognise: Callable[[bytes], Recognised[HotRoute] | None] = _none
        self.small_body_bytes = min(SMALL_BODY_BYTES, endpoints.settings.max_body_bytes)
        self.places = places()
        self.room = Room()
        self.cold_starts = ColdStarts()
        self.debts = Debts(endpoints.ledger.limit)
        self.make_exchange = LoggedExchange if endpoints.access_log is not None else Exchange
        self.parsing = TurnQueue(endpoints.turns)
        self.writing = TurnQueue(endpoints.turns)
        self.quota = endpoints.quota
        # Whether heads are recognised without a look at what says who the client is, but for its key.
        self.knows_heads = not (self.quota is not None and self.quota.reads_headers)
        self.now = monotonic()
        self.retiring = False
        self._closes_idle = False
        self.default_headers: list[tuple[bytes, bytes]] = []
        self._server_state: Any = None
        self.ok_start = b""  # `start_of(200)`
        self.plain_heads: dict[int, bytes] = {}  # `plain_head` of each length, as long as ``ok_start`` holds
        self._starts: dict[int, bytes] = {}

    def watch(self, server_state: Any, loop: asyncio.AbstractEventLoop) -> None:
        """Starts the sweep over the worker's connections, at the first call."""
        if self._server_state is None:
            self._server_state = server_state
            self.places = places()
            self.hot = self.endpoints.serving.hot_routes()
            self.head_cache = HeadCache(
                self.hot,
                lambda route: id(route.codec),
                lambda route: route.codec.read_headers if route.codec.reads_headers else None,
                MAX_HEADERS - 1 if self.endpoints.gate.keyed else MAX_HEADERS,
            )
            if not self.endpoints.gate.keyed:  # else each connection looks at the key first
                self.recognise = self.head_cache.recognise
            self.ok_start = self.start_of(200)
            loop.call_later(SWEEP_SECONDS, self._sweep, loop)

    def start_of(self, status: int) -> bytes:
        """The status line and the headers of every answer, Date among them, which may be SWEEP_SECONDS old."""
        start = self._starts.get(status)
        if start is None:
            headers = self._server_state.default_headers
            start = STATUS_LINE[status] + b"".join([b"%b: %b\r\n" % header for header in headers])
            self._starts[status] = start
        return start

    def plain_head(self, length: int) -> bytes:
        """The head of a 200 of JSON of ``length`` bytes, up to its request id."""
        head = PLAIN_HEAD % (self.ok_start, length)
        if len(self.plain_heads) < MAX_PLAIN_HEADS:
            self.plain_heads[length] = head
        return head

    def retire(self, loop: asyncio.AbstractEventLoop) -> None:
        """Answers with ``Connection: close`` from now on; after RETIRE_GRACE_SECONDS closes what is or becomes idle."""
        if not self.retiring:
            self.retiring = True
            self.endpoints.drain()
            loop.call_later(RETIRE_GRACE_SECONDS, self._close_idle)

    def _close_idle(self) -> None:
        self._closes_idle = True
        for connection in list(self._server_state.connections):
            connection.close_if_idle()

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        self.now = monotonic()
        self._starts.clear()
        self.ok_start = self.start_of(200)
        self.plain_heads.clear()
        loop.call_later(SWEEP_SECONDS, self._sweep, loop)  # first: no error ends the sweeps
        for connection in list(self._server_state.connections):
            try:
                connection.check_time(self.now)
            except Exception:  # noqa: BLE001  an error of one connection keeps no limit of another
                log.exception("a connection could not be looked at")
        if self._closes_idle:  # one whose last answer was made before it was known to be the last
            self._close_idle()
        self.debts.look_again()
        self.endpoints.metrics.connections(len(self._server_state.connections))
