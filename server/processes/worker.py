"""Owns one worker process: uvicorn on uvloop in a gunicorn worker, with our protocol class. Knows no models."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from typing import Any, ClassVar

from gunicorn.arbiter import Arbiter
from uvicorn.server import Server
from uvicorn_worker import UvicornWorker

from server.asgi.app import App
from server.http.connection import Connection, connection_class
from server.http.timeouts import let_kernel_end
from server.processes.control import ControlChannel, ControlClient

# Blocked while a worker is forked: until it has handlers of its own, its copy of the arbiter's would swallow them.
FORK_SIGNALS = frozenset({signal.SIGTERM, signal.SIGQUIT})
STOP_SECONDS = 20  # for a worker's last requests; gunicorn kills it 2 s later


class _Server(Server):
    """uvicorn's server, which accepts the connections in the listen backlog before it stops listening."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Accepts the backlog, then stops as uvicorn does."""
        loop = asyncio.get_running_loop()
        for listener in sockets or ():
            for client in _backlog(listener):
                await loop.connect_accepted_socket(self._connection, client)
        for server in self.servers:
            server.close()
        app: App = self.config.loaded_app
        app.endpoints.stop_accepting()
        await super().shutdown(sockets)

    def _connection(self) -> asyncio.Protocol:
        connection: type[Connection] = self.config.http_protocol_class  # type: ignore[assignment]
        return connection(self.config, self.server_state, self.lifespan.state)


def _backlog(listener: socket.socket) -> list[socket.socket]:
    clients: list[socket.socket] = []
    listener.setblocking(False)
    while True:
        try:
            clients.append(listener.accept()[0])
        except (BlockingIOError, ConnectionAbortedError):
            return clients


class Worker(UvicornWorker):  # type: ignore[misc]
    """A forked child that serves. The arbiter sets ``line``, on the scoreboard, and ``channel`` before the fork."""

    CONFIG_KWARGS: ClassVar[dict[str, Any]] = {
        "loop": "uvloop",
        "ws": "none",
        "lifespan": "on",
        "access_log": False,
        "server_header": False,
        "proxy_headers": False,
        "timeout_graceful_shutdown": STOP_SECONDS,
    }
    line = 0
    channel: ControlChannel

    def init_signals(self) -> None:
        """Ignores Ctrl-C, which reaches every process of a terminal: the arbiter acts on it."""
        super().init_signals()
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, FORK_SIGNALS)

    def run(self) -> None:
        """Serves until a stop signal."""
        app: App = self.wsgi
        app.line = self.line
        app.endpoints.control = ControlClient(self.channel.workers).ask
        self.config.http = connection_class(app.endpoints)
        super().run()

    async def _serve(self) -> None:
        self.config.app = self.wsgi
        server = _Server(config=self.config)
        for listener in self.sockets:
            let_kernel_end(getattr(listener, "sock", listener))  # gunicorn wraps it
        self._install_sigquit_handler()
        await server.serve(sockets=self.sockets)
        if not server.started:
            sys.exit(Arbiter.WORKER_BOOT_ERROR)
