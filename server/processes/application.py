"""Owns the server as gunicorn runs it: its settings, its models before and between forks, what is held against them.

Knows no HTTP, and of workers only what they are given.
"""

from __future__ import annotations

import gc
import logging
import os
import signal
from collections.abc import Mapping, Set
from pathlib import Path
from time import monotonic
from typing import Any

from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger

from server import __version__
from server.asgi.app import App
from server.batching.runs.quarantine import Record
from server.endpoints.lifecycle import Endpoints
from server.logs import handler as logs
from server.logs import log
from server.metrics.counters import ServerMetrics
from server.metrics.scoreboard import ARBITER_LINE, Scoreboard
from server.models.bulletin import Bulletin, Key
from server.models.loading import loader
from server.models.repository import BadRepository, Repository
from server.models.signed import make_check
from server.models.watcher import RepositoryWatcher
from server.processes.address import bind_address, default_host
from server.processes.arbiter import GRACEFUL_SECONDS, SILENT_SECONDS, ReloadingArbiter
from server.processes.crashes import judge
from server.processes.forking import SCOREBOARD_LINES, assign_line, close_other_channels, note_worker_exit
from server.processes.plan import Box, DynoPlan, make_plan
from server.processes.worker import Worker
from server.settings import Settings

SCOREBOARD_MODELS = 512  # model versions served at a time, those of retiring workers among them
LIFE_SIGN_SECONDS = 2  # within which a healthy worker says that it lives
KEEP_ALIVE_SECONDS = 95  # above the 90 s for which Heroku's router keeps an idle connection


class _Logger(Logger):  # type: ignore[misc]
    """gunicorn's logger with our handlers."""

    def setup(self, cfg: Any) -> None:
        root = logging.getLogger()
        for logger in (self.error_log, self.access_log):
            logger.handlers[:] = root.handlers
            logger.propagate = False
            logger.setLevel(logging.WARNING)


class Server(BaseApplication):  # type: ignore[misc]
    """The server: loads the repository, then forks workers and replaces those that exit."""

    def __init__(self, settings: Settings, plan: DynoPlan) -> None:
        self._settings = settings
        self._plan = plan
        self._host = settings.host or default_host()
        self.scoreboard = Scoreboard(SCOREBOARD_LINES, SCOREBOARD_MODELS)
        self.metrics = ServerMetrics(self.scoreboard, ARBITER_LINE)
        logs.count_losses(self.metrics.log_line_lost)
        self.watcher = self._watcher()
        self._versions: set[tuple[str, str]] = set()
        super().__init__()

    def load_config(self) -> None:
        """Sets gunicorn's settings; none comes from its environment variables or files."""
        values = {
            "bind": [bind_address(self._host, self._settings.port)],
            "workers": self._plan.workers,
            "worker_class": Worker,
            "preload_app": True,
            "timeout": SILENT_SECONDS,
            "graceful_timeout": GRACEFUL_SECONDS,
            "keepalive": KEEP_ALIVE_SECONDS,
            "worker_tmp_dir": _heartbeat_folder(),
            "control_socket_disable": True,
            "logger_class": _Logger,
            "pre_fork": assign_line,
            "post_fork": close_other_channels,
            "child_exit": note_worker_exit,
            "when_ready": self._announce,
        }
        for name, value in values.items():
            self.cfg.set(name, value)

    def load(self) -> App:
        """Tries and loads every model before any worker is forked. Raises BadRepository."""
        self.watcher.load_all(self._settings.strict)
        plan = self._plan
        repository = self.watcher.repository()
        try:
            endpoints = Endpoints(
                repository,
                self._settings,
                self.scoreboard,
                plan.workers,
                busy_poll=plan.core_each,
                memory_limit=plan.memory_bytes,
                cpus=plan.cpus,
            )
        except ValueError as error:
            raise BadRepository(str(error)) from None
        self._versions = _versions(repository)
        app = App(endpoints)
        self._assemble_for_several(app)
        gc.freeze()  # not collected before: imports leave nothing to find, and looking takes 50 ms
        gc.enable()  # a start goes without
        return app

    def _assemble_for_several(self, app: App) -> None:
        """What a single worker may never need, several share by having it before they are forked."""
        if self._plan.workers > 1:
            app.assemble()

    def renew(self) -> bool:
        """Gives the present models to workers that are forked from now on; whether all of them found a place.

        If not, it is to be called again once the workers from before have ended. Raises as `App.replace_models` does.
        """
        app: App = self.callable
        before = app.endpoints.repository
        whole = self.watcher.repository()
        places = fitting(_versions(whole), self._versions, self.scoreboard.models)
        repository = whole if len(places) == len(_versions(whole)) else whole.only(places)
        self.scoreboard.keep(places | self._versions)  # workers that still serve write these blocks
        gc.unfreeze()
        try:
            app.replace_models(repository)
            self._assemble_for_several(app)
            self._versions = places
        finally:
            _freeze()
        late = len(_versions(whole)) - len(places)
        more = f"; {late} more once the workers before have ended" if late else ""
        log.info("reloaded: %s; %d versions serve%s", changes(before, repository), len(places), more)
        return not late

    @property
    def box(self) -> Box:
        """The box that the server is planned for."""
        return Box(self._plan.memory_bytes, self._plan.cpus)

    def fit(self, box: Box) -> int | None:
        """Plans for another box what is forked from now on; the number of workers, if it is another than before."""
        before = self._plan
        self._plan = plan = make_plan(box, self._settings.workers, self._settings.ort_threads)
        app: App = self.callable
        app.endpoints.fit(plan.workers, busy_poll=plan.core_each, memory_limit=plan.memory_bytes, cpus=plan.cpus)
        self.watcher.box_bytes = plan.memory_bytes
        memory = "no limit of memory" if plan.memory_bytes is None else f"{plan.memory_bytes >> 20} MB"
        log.info("the box has now %g processors and %s: %d workers", plan.cpus, memory, plan.workers)
        return plan.workers if plan.workers != before.workers else None

    def lift_quarantine(self, name: str | None = None) -> None:
        """Lets the versions of a name serve again, or all."""
        app: App = self.callable
        app.endpoints.lift_quarantine(name)

    def records(self) -> Mapping[tuple[str, str], Record]:
        """What is held against each version's present file, for a worker that is about to be forked."""
        app: App = self.callable
        return app.endpoints.records()

    def note_crash(self, worker: Worker, number: int) -> None:
        """Holds a worker's crash, by this signal, against the files whose runs it was in, if they still serve.

        One that this process ended, for its silence, has crashed only if it was in that run all the time.
        """
        now = monotonic()
        before = now - SILENT_SECONDS + LIFE_SIGN_SECONDS if worker.aborted else now
        running = self.scoreboard.running(worker.line, before)
        within = "a run" if len(running) == 1 else f"the runs of {len(running)} versions, this among them"
        for (name, version), reason in judge(running, worker.records, now):
            fields = {"model": name, "version": version}
            log.error("a worker died within %s (%s): %s", within, signal.strsignal(number), reason, extra=fields)

    def give_up_guesses(self) -> None:
        """Lets versions serve again that are blamed for crashes on a guess, once that is long ago."""
        now = monotonic()
        for record in self.records().values():
            record.lapse(now)

    def _watcher(self) -> RepositoryWatcher:
        settings = self._settings
        return RepositoryWatcher(
            settings.models,
            loader(settings, make_check(settings.verify_key)),
            Bulletin(),
            default_model=settings.default_model,
            box_bytes=self._plan.memory_bytes,
        )

    def run(self) -> None:
        """Serves until SIGTERM or Ctrl-C; leaves by SystemExit."""
        ReloadingArbiter(self).run()

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


def changes(before: Repository, after: Repository) -> str:
    """What is new, changed and gone, in a few words."""
    old, new = ({(model.name, model.version): model.sha256 for model in each} for each in (before, after))
    told = {
        "new": new.keys() - old.keys(),
        "changed": {key for key in new.keys() & old.keys() if new[key] != old[key]},
        "gone": old.keys() - new.keys(),
    }
    parts = [f"{what} {', '.join(map(' '.join, sorted(keys)))}" for what, keys in told.items() if keys]
    return "; ".join(parts) or "nothing changed"


def fitting(wanted: Set[Key], served: Set[Key], places: int) -> set[Key]:
    """The versions that can serve beside those of the workers that are to end: of the new ones, as many as fit.

    All that are wanted if they are too many by themselves: then nobody can serve them.
    """
    if len(wanted) > places:
        return set(wanted)
    new = sorted(wanted - served)
    return {*(wanted & served), *new[: max(0, places - len(served))]}


def _versions(repository: Repository) -> set[tuple[str, str]]:
    return {(model.name, model.version) for model in repository}


def _freeze() -> None:
    """Keeps the collector off all present objects: a child's collection would copy their pages."""
    gc.collect()
    gc.freeze()


def _heartbeat_folder() -> str | None:
    """Where workers' heartbeats lie: in memory, as a full or slow disk must stop no worker; None where that is not."""
    memory = Path("/dev/shm")  # noqa: S108 - gunicorn makes its files there safely
    return str(memory) if os.access(memory, os.W_OK | os.X_OK) else None
