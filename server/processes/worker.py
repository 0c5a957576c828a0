"""Owns one worker process: uvicorn on uvloop in a gunicorn worker, with our protocol class. Knows no models."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

# uvicorn would import these by name in each worker: had before the fork, all have them together.
import uvicorn.lifespan.on
import uvicorn.loops.uvloop  # noqa: F401
from gunicorn.arbiter import Arbiter
from uvicorn.config import Config
from uvicorn.server import Server
from uvicorn_worker import UvicornWorker

from server.asgi.app import App
from server.batching.runs.quarantine import Record
from server.confinement.memory import leave_some
from server.http.connection import Connection
from server.http.keyed import connection_class
from server.http.timeouts import let_kernel_end
from server.logs import handler as logs
from server.logs import log
from server.processes.accepting import Acceptor, backlog, begin
from server.processes.control import ControlChannel, ControlClient

# Blocked while a worker is forked: until it has handlers of its own, its copy of the arbiter's would swallow them.
FORK_SIGNALS = frozenset({signal.SIGTERM, signal.SIGQUIT})
# By default they end or halt a process.
ARBITERS_SIGNALS = (signal.SIGINT, signal.SIGHUP, signal.SIGUSR2, signal.SIGTTIN, signal.SIGTTOU)
NOTIFY_TICKS = 10  # of the loop, a tenth of a second each
STOP_SECONDS = 20  # for a worker's last requests; gunicorn kills it 2 s later
ABANDON_SECONDS = 18  # after so long what still runs is refused


class _Server(Server):
    """uvicorn's server, which accepts the connections in the listen backlog before it stops listening.

    It says that it lives by ticks of its loop: uvicorn's own way waits by the time of day, which jumps.
    """

    def __init__(self, config: Config, notify: Callable[[], None], parent: int) -> None:
        """``parent``: the arbiter's pid; without it the server stops, or it would hold the port from the next one."""
        super().__init__(config)
        self._notify = notify
        self._parent = parent
        self._acceptor: Acceptor | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Starts as uvicorn does; beside other workers it accepts by an acceptor of our own."""
        app: App = self.config.loaded_app
        if app.endpoints.workers == 1:
            await super().startup(sockets)
            return
        await super().startup([])
        if self.should_exit:
            return
        board, line, metrics = app.endpoints.scoreboard, app.line, app.endpoints.metrics

        def count() -> int:
            return len(self.server_state.connections)

        def others() -> list[float]:
            return board.connections_beside(line)

        listeners = [getattr(listener, "sock", listener) for listener in sockets or ()]  # gunicorn wraps them
        self._acceptor = Acceptor(listeners, self._connection, count, metrics.connections, others)
        self._acceptor.start()

    async def on_tick(self, counter: int) -> bool:
        """Called ten times a second."""
        logs.tick()
        if counter % NOTIFY_TICKS == 0:
            self._notify()
            if os.getppid() != self._parent and not self.should_exit:
                log.error("the arbiter has gone, this worker stops")
                self.should_exit = True
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Accepts the backlog, then stops as uvicorn does."""
        loop = asyncio.get_running_loop()
        if self._acceptor is not None:
            await self._acceptor.stop()
        accepted = [client for listener in sockets or () for client in backlog(listener)]
        if self._acceptor is not None:
            for listener in sockets or ():
                listener.close()
        for server in self.servers:  # nothing is waited for since the last look: who comes in between is reset
            server.close()
        for client in accepted:
            await begin(client, self._connection)
        app: App = self.config.loaded_app
        app.endpoints.stop_accepting()
        loop.call_later(ABANDON_SECONDS, app.endpoints.abandon)
        await super().shutdown(sockets)

    def _connection(self) -> asyncio.Protocol:
        connection: type[Connection] = self.config.http_protocol_class  # type: ignore[assignment]
        return connection(self.config, self.server_state, self.lifespan.state)


class Worker(UvicornWorker):  # type: ignore[misc]
    """A forked child that serves.

    The arbiter sets before the fork: ``line``, on the scoreboard; ``channel``; ``records``, of the files it serves.
    """

    CONFIG_KWARGS: ClassVar[dict[str, Any]] = {
        "loop": "uvloop",
        "ws": "none",
        "lifespan": "on",
        "access_log": False,
        "server_header": False,
        "proxy_headers": False,
        "timeout_graceful_shutdown": STOP_SECONDS,
        "callback_notify": None,
    }
    line = 0
    channel: ControlChannel
    records: Mapping[tuple[str, str], Record]

    def discard(self) -> None:
        """Gives back what a worker holds whose fork failed."""
        self.tmp.close()
        if hasattr(self, "channel"):  # the fork may have failed before it had one
            self.channel.close()

    def init_signals(self) -> None:
        """Ignores what the arbiter acts on and what reaches every process of a group or terminal, Ctrl-C among it."""
        super().init_signals()
        for number in ARBITERS_SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, FORK_SIGNALS)

    def run(self) -> None:
        """Serves until a stop signal."""
        app: App = self.wsgi
        app.line = self.line
        leave_some(app.endpoints.memory_limit)
        app.assembled = gc.freeze  # else each full collection from then on would walk what FastAPI is made of
        app.endpoints.control = ControlClient(self.channel.workers).ask
        self.config.http = connection_class(app.endpoints)
        super().run()
        if app.endpoints.serving.is_running:
            logging.shutdown()
            os._exit(0)  # what an exit takes away, the thread of a run that does not end still uses

    async def _serve(self) -> None:
        self.config.app = self.wsgi
        server = _Server(self.config, self.notify, self.ppid)
        for listener in self.sockets:
            let_kernel_end(getattr(listener, "sock", listener))  # gunicorn wraps it
        self._install_sigquit_handler()
        await server.serve(sockets=self.sockets)
        if not server.started:
            sys.exit(Arbiter.WORKER_BOOT_ERROR)
