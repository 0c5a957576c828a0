"""Owns the time limits of a connection, and its end when the worker retires. Reads no clock: is given the time."""

from __future__ import annotations

import asyncio
from typing import cast

from server.errors import ServerError
from server.http.cold.place import ColdPlace
from server.http.layers.answering import AnsweringConnection
from server.http.timeouts import BODY, FRESH, IDLE, WRITE_SECONDS, WriteProgress, fills_window, overdue


class WaitingConnection(AnsweringConnection):
    """A connection as the sweep sees it: what it waits for, since when, and whether that is too long."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Called when a client has connected."""
        super().connection_made(transport)
        # Lifetime: the connection
        self._look_at = self.worker.now + WRITE_SECONDS  # when to look in the kernel for what the client owes

        # Lifetime: until what it waits for has arrived
        self._since = self.worker.now  # coarse clock: when it began to wait; of a body, when its window began
        self._received = 0  # bytes of the head or body being read
        self._window = 0  # of them, those from before the window
        self._queued = False  # the connection waits to parse on

        worker, connections = self.worker, cast("set[WaitingConnection]", self.connections)
        self._crowded = not worker.room.has_place(connections, len(connections), worker.places.open, worker.now)

    def check_time(self, now: float) -> None:
        """Ends a connection that has exceeded a time limit. Called by the sweep with the monotonic time."""
        received = self._received - self._window
        if self._is_stalled(now):
            self.transport.abort()
        elif self._waits_for == IDLE:
            if not self._is_idle():
                self._since = now  # it is idle from its answer on
            elif now - self._since > self.timeout_keep_alive:
                self.transport.close()
        elif self._is_held() or (self._waits_for == BODY and fills_window(received, self._window)):
            self._since, self._window = now, self._received
        elif message := overdue(self._waits_for, now - self._since, received, self._window):
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
        return self._waits_for in (FRESH, IDLE) and not self.exchanges and self.flow.parse_on is None

    @property
    def idle_since(self) -> float | None:
        """Since when it waits for a request, by the coarse clock; None while it has one, or is closing."""
        if self._gave_way or self._refused or not self._is_idle() or self.transport.get_write_buffer_size():
            return None
        return self._since

    def give_way(self) -> None:
        """Closes the connection, which is idle, for another."""
        self._gave_way = True
        self.transport.close()

    def close_if_idle(self) -> None:
        """Closes the connection of a retiring worker if no request is on it."""
        if self._is_idle():
            self.transport.close()

    def shutdown(self) -> None:
        """Called by uvicorn when the worker retires: open requests are answered with ``Connection: close``."""
        self.worker.retire(self.loop)
        last = self.exchanges[-1] if self.exchanges else None
        if isinstance(last, ColdPlace) and self.flow.parse_on is None:
            last.cycle.keep_alive = False
