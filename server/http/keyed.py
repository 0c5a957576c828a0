"""Owns the connection of a worker whose clients need keys, and which class a worker's connections have.

It knows the line with its key that has passed (see `credentials`), and no keys.
"""

from __future__ import annotations

import asyncio
from hmac import compare_digest
from typing import Any

from server.endpoints.entering import HotRoute
from server.endpoints.lifecycle import Endpoints
from server.http.connection import Connection
from server.http.credentials import Credentials, credentials_in, without
from server.http.head_cache import MAX_LINE_BYTES, Recognised
from server.http.timeouts import IDLE
from server.http.worker_state import WorkerState


class KeyedConnection(Connection):
    """A connection whose first hot request shows a key to the gate, and the next ones the same bytes.

    What it remembers never leaves it, and ends with it: the keys are those of the worker's start.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Called when a client has connected."""
        super().connection_made(transport)
        # Lifetime: the connection
        self._credentials: Credentials | None = None  # of the last hot request that passed the gate
        self._head = b""  # the last that was recognised with them, whole, without ids of its own
        self._head_route: HotRoute | None = None
        self._head_body = 0  # bytes of the body that it announces
        self._head_read: Any = None  # what its route reads from it

    def data_received(self, data: bytes) -> None:
        """Enters a whole request with the line that has passed and a head known without it; else as for all."""
        if self._credentials is not None and self._waits_for <= IDLE and not self._refused:
            known = self._recognise(data)
            if known is not None:
                if self.timeout_keep_alive_task is not None:
                    self._unset_keepalive_if_required()
                self._go_known(known)
                return
        super().data_received(data)

    def _recognise(self, data: bytes) -> Recognised[HotRoute] | None:
        end, route = len(self._head), self._head_route
        if route is not None and len(data) - end == self._head_body and compare_digest(data[:end], self._head):
            return route, None, None, data[end:], self._head_read
        bare = None if self._credentials is None else without(self._credentials, data)
        known = None if bare is None else self.worker.head_cache.recognise(bare)
        if known is not None and known[1] is known[2] is None:
            size = len(data) - len(known[3])
            if size <= MAX_LINE_BYTES:
                self._head, self._head_route, self._head_body = data[:size], known[0], len(known[3])
                self._head_read = known[4]
        return known

    def _learn(self, route: HotRoute) -> None:
        super()._learn(route)
        self._credentials, self._head_route = credentials_in(self.headers), None


def connection_class(endpoints: Endpoints) -> type[Connection]:
    """Makes the protocol class of one worker."""
    kind = KeyedConnection if endpoints.gate.keyed else Connection
    return type("Connection", (kind,), {"shared": WorkerState(endpoints)})
