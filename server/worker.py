"""Owns one worker process: uvicorn on uvloop inside a gunicorn worker, with our protocol class and our time limits."""

from __future__ import annotations

import signal
from typing import Any, ClassVar

from uvicorn_worker import UvicornWorker

from server.app import App
from server.protocol import connection_class

STOP_SECONDS = 20  # what a worker gives its last requests; gunicorn ends it 2 s later


class Worker(UvicornWorker):  # type: ignore[misc]
    """A forked child that serves. ``line``: its line on the metrics board, set by the arbiter before the fork."""

    CONFIG_KWARGS: ClassVar[dict[str, Any]] = {
        "loop": "uvloop",
        "lifespan": "on",
        "access_log": False,
        "server_header": False,
        "proxy_headers": False,
        "timeout_graceful_shutdown": STOP_SECONDS,
    }
    line = 0

    def init_signals(self) -> None:
        """Ctrl-C reaches every process of a terminal; the arbiter alone acts on it."""
        super().init_signals()
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    def run(self) -> None:
        """Serves until told to stop."""
        app: App = self.wsgi
        app.line = self.line
        self.config.http = connection_class(app.endpoints)
        super().run()
