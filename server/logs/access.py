"""Owns the access log: one JSON line for one in so many requests. Knows neither sockets nor models.

It never waits and never stands in the way of other lines: what the reader of the log does not take now is dropped.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import Any

from server.logs import handler
from server.logs.formats import json_line
from server.logs.output import LINE_BYTES

PATH_CHARACTERS = 200  # of a path, which a client chooses
FAILURES = 500  # from this status on each is a line


class AccessLog:
    """The access log of a process. ``every``: one in so many requests is a line, the first among them."""

    def __init__(self, every: int) -> None:
        self._every = every
        self._left = 1

    def admits(self, status: int) -> bool:
        """Whether this request is to be a line. Called once for each."""
        self._left -= 1
        if not self._left:
            self._left = self._every
            return True
        return status >= FAILURES

    def write(self, request_id: str, method: str, path: str | None, status: int, seconds: float, **more: Any) -> None:
        """Writes the line of a request. ``seconds``: from its last byte to its answer; ``more``: what else is known."""
        line = {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": "info",
            "message": "request",
            "pid": os.getpid(),
            "request_id": request_id,
            "method": method[:PATH_CHARACTERS],
            "path": None if path is None else path[:PATH_CHARACTERS].encode("utf-8", "backslashreplace").decode(),
            "status": status,
            "ms": round(seconds * 1e3, 3),
            **{name: value for name, value in more.items() if value is not None},
        }
        data = json_line(line) + b"\n"
        if len(data) <= LINE_BYTES and (present := handler.present()) is not None:
            present.write_at_once(data)
