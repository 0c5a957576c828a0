"""Owns the process manager: gunicorn's arbiter with our workers, forked after the models are loaded. Knows no HTTP."""

from __future__ import annotations

import gc
import logging
import signal
import socket
from time import monotonic
from typing import Any

from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.glogging import Logger

from server import __version__
from server.app import App
from server.endpoints import Endpoints
from server.logs import log
from server.metrics import Board
from server.plan import DynoPlan
from server.repository import load_repository
from server.settings import Settings
from server.worker import FORK_SIGNALS, Worker

BOARD_LINES = 1024  # worker processes alive at one time, retiring ones among them
BOARD_MODELS = 512  # model versions ever served by one arbiter
GRACEFUL_SECONDS = 22  # for a worker to stop; the arbiter itself is gone within 25
SILENT_SECONDS = 30  # a worker whose loop does not turn for so long is killed
RESPAWN_SECONDS = 1.0  # between workers that die before they serve
KEEP_ALIVE_SECONDS = 95  # above the 90 s for which Heroku's router keeps an idle connection


class _Logger(Logger):  # type: ignore[misc]
    """gunicorn's logger, but its lines go where ours go."""

    def setup(self, cfg: Any) -> None:
        root = logging.getLogger()
        for logger in (self.error_log, self.access_log):
            logger.handlers[:] = root.handlers
            logger.propagate = False
            logger.setLevel(logging.WARNING)


class _Arbiter(Arbiter):  # type: ignore[misc]
    """gunicorn's arbiter, whose reload never waits: old workers retire while the loop goes on.

    Workers are current, then outgoing (until all current ones serve), then retiring (told to stop, not yet gone).
    """

    def __init__(self, server: Server) -> None:
        self.server = server
        self.outgoing: dict[int, float] = {}  # since when, on the monotonic clock
        self.retiring: dict[int, float] = {}
        self._spawn_after = 0.0  # a worker that died before it served is not replaced before
        super().__init__(server)

    def reload(self) -> None:
        """SIGHUP: loads what the folder holds now and forks fresh workers; where that fails, all stays as it is."""
        try:
            self.server.load_again()
        except Exception as error:  # noqa: BLE001  no load error may end the server
            log.error("reload refused, the models from before go on: %s", error)
            return
        self.outgoing |= dict.fromkeys(self._current(), monotonic())
        self.manage_workers()

    def manage_workers(self) -> None:
        """Called at every turn of the loop, at least once a second: spawns what is missing, lets go what is over."""
        self._forget_gone()
        if monotonic() >= self._spawn_after:
            for _ in range(self.num_workers - len(self._current())):
                self.spawn_worker()
        current = self._current()
        for pid in current[: len(current) - self.num_workers]:  # SIGTTOU: the oldest go
            self._retire(pid)
        now = monotonic()
        if all(self.server.board.serves(self.WORKERS[pid].line) for pid in self._current()):
            for pid in list(self.outgoing):
                self._retire(pid)
        for pid in [pid for pid, since in self.retiring.items() if now - since > GRACEFUL_SECONDS]:
            self.kill_worker(pid, signal.SIGKILL)

    def spawn_worker(self) -> int:
        """Forks a worker that no stop signal misses, however early it comes."""
        signal.pthread_sigmask(signal.SIG_BLOCK, FORK_SIGNALS)
        try:
            pid: int = super().spawn_worker()
            return pid
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, FORK_SIGNALS)

    def handle_int(self) -> None:
        """Ctrl-C stops as SIGTERM does."""
        raise StopIteration

    def free_line(self) -> int:
        """The lowest line of the board that no living worker writes; what its last owner had in hand is forgotten."""
        taken = {worker.line for worker in self.WORKERS.values()}
        line = next(number for number in range(BOARD_LINES) if number not in taken)
        self.server.board.clear_gauges(line)
        return line

    def mind_exit(self, worker: Worker) -> None:
        """Called for every worker that is gone: one that never served would only be followed by another like it."""
        if not self.server.board.serves(worker.line):
            self._spawn_after = monotonic() + RESPAWN_SECONDS

    def _current(self) -> list[int]:
        """The workers that should serve, the oldest first."""
        ages = {pid: worker.age for pid, worker in self.WORKERS.items()}
        return sorted(ages.keys() - self.outgoing.keys() - self.retiring.keys(), key=lambda pid: ages[pid])

    def _retire(self, pid: int) -> None:
        self.outgoing.pop(pid, None)
        self.retiring[pid] = monotonic()
        self.kill_worker(pid, signal.SIGTERM)

    def _forget_gone(self) -> None:
        for state in (self.outgoing, self.retiring):
            for pid in state.keys() - self.WORKERS.keys():
                del state[pid]


class Server(BaseApplication):  # type: ignore[misc]
    """The whole server: loads the repository, then forks workers and keeps them alive."""

    def __init__(self, settings: Settings, plan: DynoPlan) -> None:
        self._settings = settings
        self._plan = plan
        self._host = settings.host or default_host()
        self.board = Board(BOARD_LINES, BOARD_MODELS)
        super().__init__()

    def load_config(self) -> None:
        """gunicorn's settings. None is read from its environment variables or files."""
        values = {
            "bind": [_bind(self._host, self._settings.port)],
            "workers": self._plan.workers,
            "worker_class": Worker,
            "preload_app": True,
            "timeout": SILENT_SECONDS,
            "graceful_timeout": GRACEFUL_SECONDS,
            "keepalive": KEEP_ALIVE_SECONDS,
            "control_socket_disable": True,
            "logger_class": _Logger,
            "pre_fork": _give_line,
            "child_exit": _mind_exit,
            "when_ready": self._announce,
        }
        for name, value in values.items():
            self.cfg.set(name, value)

    def load(self) -> App:
        """Loads and warms every model, once, before any worker is forked. Raises BadRepository."""
        settings = self._settings
        gc.unfreeze()
        repository = load_repository(
            settings.models,
            default_model=settings.default_model,
            strict=settings.strict,
            max_rows=settings.max_rows,
            max_batch_rows=settings.max_batch_rows,
            ort_threads=settings.ort_threads,
        )
        plan = self._plan
        app = App(Endpoints(repository, settings, self.board, plan.workers, lingers=plan.core_each))
        gc.collect()
        gc.freeze()  # what lives now lives for ever: a child's collector that touched it would copy its pages
        return app

    def load_again(self) -> None:
        """`load`, for the workers that are forked from now on; where it raises, nothing changes."""
        self.callable = self.load()
        log.info("reloaded: %s", self._served())

    def run(self) -> None:
        """Serves until SIGTERM or Ctrl-C; leaves by SystemExit."""
        _Arbiter(self).run()

    def _served(self) -> str:
        app: App = self.callable
        served = ", ".join(f"{model.name} {model.version}" for model in app.endpoints.repository)
        return served or f"no model yet: convert one into {self._settings.models}/"

    def _announce(self, arbiter: Any) -> None:
        workers = self._plan.workers
        log.info(
            "dynonnx %s serves %s at http://localhost:%d (%d worker%s)",
            __version__,
            self._served(),
            self._settings.port,
            workers,
            "" if workers == 1 else "s",
        )


def _give_line(arbiter: _Arbiter, worker: Worker) -> None:
    worker.line = arbiter.free_line()


def _mind_exit(arbiter: _Arbiter, worker: Worker) -> None:
    arbiter.mind_exit(worker)


def _bind(host: str, port: int) -> str:
    """An address as gunicorn takes it: IPv6 in brackets, which a person may leave out."""
    bare = host.strip("[]")
    return f"[{bare}]:{port}" if ":" in bare else f"{bare}:{port}"


def default_host() -> str:
    """``[::]``, which answers IPv4 too, or ``0.0.0.0`` on a box without IPv6."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
            probe.bind(("::", 0))
    except OSError:
        return "0.0.0.0"
    return "[::]"
