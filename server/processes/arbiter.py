"""Owns the process manager: gunicorn's arbiter, whose workers are forked after the models are loaded. Knows no HTTP."""

from __future__ import annotations

import contextlib
import errno
import gc
import logging
import math
import os
import queue
import select
import signal
import socket
from collections.abc import Mapping
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.glogging import Logger

from server import __version__
from server.asgi.app import App
from server.batching.quarantine import CRASHES, Record
from server.endpoints.lifecycle import Endpoints
from server.logs import handler as logs
from server.logs import log
from server.metrics.scoreboard import ARBITER_LINE, Scoreboard, ServerMetrics
from server.models.bulletin import Bulletin
from server.models.loading import loader
from server.models.repository import BadRepository, Repository
from server.models.signed import make_check
from server.models.watcher import RepositoryWatcher
from server.processes.control import ControlChannel, ControlServer
from server.processes.plan import DynoPlan
from server.processes.worker import FORK_SIGNALS, Worker
from server.settings import Settings

SCOREBOARD_LINES = 1024  # the arbiter and the workers alive at a time, retiring ones among them
SCOREBOARD_MODELS = 512  # model versions served at a time, those of retiring workers among them
GRACEFUL_SECONDS = 22  # for a worker to stop; the arbiter stops within 25
SILENT_SECONDS = 30  # a worker whose loop does not turn for so long is killed
LIFE_SIGN_SECONDS = 2  # within which a healthy worker says that it lives
STALL_SECONDS = 5  # between two turns of the arbiter's loop: the whole box stood still, not a worker
HURRIED_SECONDS = 2  # for a worker to stop after a second Ctrl-C
POLL_SECONDS = 0.02  # between two looks at the scoreboard while workers change
RESPAWN_SECONDS = 1.0  # between workers that die before they serve
# Of these a run may be the cause; SIGKILL is sent by operators, and by a kernel without memory to any process.
CRASH_SIGNALS = frozenset({signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGABRT, signal.SIGSYS})
KEEP_ALIVE_SECONDS = 95  # above the 90 s for which Heroku's router keeps an idle connection


class _Logger(Logger):  # type: ignore[misc]
    """gunicorn's logger with our handlers."""

    def setup(self, cfg: Any) -> None:
        root = logging.getLogger()
        for logger in (self.error_log, self.access_log):
            logger.handlers[:] = root.handlers
            logger.propagate = False
            logger.setLevel(logging.WARNING)


class _Arbiter(Arbiter):  # type: ignore[misc]
    """gunicorn's arbiter with a reload that never waits: old workers retire while the loop goes on.

    A worker is current, then outgoing (until all current ones serve), then retiring (stopping, not yet gone).
    docs/decisions.md: "A reload forks first, then retires".
    """

    # The exit status of a worker that could not boot stays 3, but `reap_workers` does not end the server for it.
    WORKER_BOOT_ERROR = 256 + Arbiter.WORKER_BOOT_ERROR

    def __init__(self, server: Server) -> None:
        self.server = server
        self.control_server = ControlServer(server.watcher, server.lift_quarantine)
        self._restart = False  # fork fresh workers, even if no model has changed
        self._wake, waker = os.pipe()
        os.set_blocking(self._wake, False)
        os.set_blocking(waker, False)
        self._waker = waker
        self.outgoing: dict[int, float] = {}  # pid -> since when, on the monotonic clock
        self.retiring: dict[int, float] = {}
        self._spawn_after = 0.0  # no worker is forked before
        self.unborn: Worker | None = None  # made, not yet forked
        self._has_forked = False
        self._fork_fails = False  # the last fork did; said once
        self._turned = monotonic()  # the last turn of the loop
        self._patient_until = 0.0  # silent workers are not killed before
        super().__init__(server)

    def init_signals(self) -> None:
        """Installs gunicorn's handlers; every signal also ends the wait of `wait_for_signals`."""
        super().init_signals()
        signal.set_wakeup_fd(self._waker, warn_on_full_buffer=False)

    def reload(self) -> None:
        """SIGHUP: announces the whole folder; fresh workers are forked once the last trial has ended."""
        self._restart = True
        self.server.lift_quarantine()
        self.server.watcher.announce()

    def wait_for_signals(self, timeout: float = 1.0) -> list[int]:
        """Returns the signals that came. Waits for them, a trial, a worker's call or the next scan of the folder."""
        watcher = self.server.watcher
        channels = [worker.channel for worker in self.WORKERS.values()]
        moves = self._is_changing() and monotonic() >= self._spawn_after
        wait = min(timeout, POLL_SECONDS if moves else watcher.seconds_to_wait())
        waiting = select.poll()  # select() refuses descriptors from 1024 on, which many workers use
        for readable in (self._wake, *channels, *watcher.waits_for()):
            waiting.register(readable, select.POLLIN)
        waiting.poll(math.ceil(wait * 1000))
        with contextlib.suppress(BlockingIOError):
            os.read(self._wake, 1 << 16)
        signals: list[int] = super().wait_for_signals(timeout=0.0)
        return signals

    def manage_workers(self) -> None:
        """Called at every turn of the loop, at least twice a second: updates models, forks and retires workers."""
        logs.tick()
        self._forget_gone()
        self._replace_stuck()
        self._update_models()
        if monotonic() >= self._spawn_after:
            self._fork_missing()
        current = self._current()
        for pid in current[: max(0, len(current) - self.num_workers)]:  # SIGTTOU: the oldest go
            self._retire(pid)
        now = monotonic()
        if self._is_whole():
            for pid in list(self.outgoing):
                self._retire(pid)
        for pid in [pid for pid, since in self.retiring.items() if now - since > GRACEFUL_SECONDS]:
            self.kill_worker(pid, signal.SIGKILL)
        self.control_server.answer(settled=not self._is_changing())

    def _replace_stuck(self) -> None:
        """Makes workers outgoing that have a run which does not end: they serve on until others do."""
        for pid in self._current():
            if self.server.scoreboard.is_stuck(self.WORKERS[pid].line):
                self.outgoing[pid] = monotonic()

    def _update_models(self) -> None:
        """Receives calls, steps the watcher, and makes workers outgoing on a change; an error is only logged."""
        try:
            for worker in self.WORKERS.values():
                self.control_server.receive(worker.channel)
            changed = self.server.watcher.step()
            idle = not self.server.watcher.waits_for()
            if not self.outgoing and idle and (changed or self._restart):
                self._restart = False
                self.server.renew()
                self.outgoing |= dict.fromkeys(self._current(), monotonic())
        except Exception:  # noqa: BLE001
            log.exception("the models could not be renewed, those from before go on")

    def _is_changing(self) -> bool:
        """Whether outgoing or retiring workers still accept, or current ones do not yet."""
        scoreboard = self.server.scoreboard
        leaving = any(scoreboard.serves(self.WORKERS[pid].line) for pid in self.retiring if pid in self.WORKERS)
        coming = not all(scoreboard.serves(self.WORKERS[pid].line) for pid in self._current())
        return bool(self._restart or self.outgoing or leaving or coming or self.server.watcher.has_changed)

    def _is_whole(self) -> bool:
        """Whether as many current workers serve as should."""
        current = self._current()
        serving = [pid for pid in current if self.server.scoreboard.serves(self.WORKERS[pid].line)]
        return len(serving) == len(current) and len(current) >= int(self.num_workers)

    def _fork_missing(self) -> None:
        for _ in range(self.num_workers - len(self._current())):
            try:
                self.spawn_worker()
            except (OSError, MemoryError) as error:
                self._put_off_fork(error)
                return

    def spawn_worker(self) -> None:
        """Forks a worker with FORK_SIGNALS blocked, so that it loses no early stop signal. Raises as the fork."""
        self.unborn = None
        signal.pthread_sigmask(signal.SIG_BLOCK, FORK_SIGNALS)
        try:
            pid: int = super().spawn_worker()
        except Exception:
            if os.getpid() != self.pid:  # a child must never go on as a second arbiter
                os._exit(self.WORKER_BOOT_ERROR)
            self._discard_unborn()
            raise
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, FORK_SIGNALS)
        self.WORKERS[pid].channel.workers.close()
        self._has_forked, self._fork_fails = True, False

    def _discard_unborn(self) -> None:
        if self.unborn is not None:
            self.unborn.discard()

    def _put_off_fork(self, error: Exception) -> None:
        """Tries again after RESPAWN_SECONDS; ends the server if not even its first worker can be forked."""
        if not self._has_forked:
            log.error("no worker process can be started: %s", error)
            raise SystemExit(1)
        if not self._fork_fails:
            log.error("a worker process cannot be started, it is tried again every second: %s", error)
        self._fork_fails = True
        self._spawn_after = monotonic() + RESPAWN_SECONDS

    def reap_workers(self) -> None:
        """Reaps every child, after a trial's exit status and the crashes of workers have been noted."""
        self.server.watcher.note_exit()
        for pid, worker in self.WORKERS.items():
            if (number := crash_of(pid)) is not None:
                self.server.note_crash(worker, number)
        super().reap_workers()

    def murder_workers(self) -> None:
        """Kills silent workers, unless this process did not run either: then all have SILENT_SECONDS more to speak."""
        now = monotonic()
        if now - self._turned > STALL_SECONDS:
            self._patient_until = now + SILENT_SECONDS
        self._turned = now
        if now >= self._patient_until:
            super().murder_workers()

    def stop(self, graceful: bool = True) -> None:
        """Ends the trial, open calls and the workers. gunicorn's own would count by the time of day, which jumps."""
        self.server.watcher.close()
        self.control_server.close()
        for listener in self.LISTENERS:
            listener.close()
        self.LISTENERS: list[Any] = []
        self.kill_workers(signal.SIGTERM if graceful else signal.SIGQUIT)
        ends = monotonic() + GRACEFUL_SECONDS
        while self.WORKERS and monotonic() < ends:
            if graceful and self._is_hurried():
                graceful = False
                self.kill_workers(signal.SIGQUIT)
                ends = monotonic() + HURRIED_SECONDS
            self.reap_workers()
            sleep(POLL_SECONDS)
        self.kill_workers(signal.SIGKILL)
        self.reap_workers()

    def _is_hurried(self) -> bool:
        """Whether another Ctrl-C has come while workers finish."""
        with contextlib.suppress(queue.Empty):
            while True:
                if self.SIG_QUEUE.get_nowait() in (signal.SIGINT, signal.SIGQUIT):
                    return True
        return False

    def reexec(self) -> None:
        """SIGUSR2: a second arbiter would find the port taken."""
        log.warning("SIGUSR2 is ignored: SIGHUP renews models and workers")

    def handle_int(self) -> None:
        """Ctrl-C stops as SIGTERM does."""
        raise StopIteration

    def free_line(self) -> int:
        """The lowest line without a living worker, its gauges cleared. Raises OSError if all are taken."""
        used = {worker.line for worker in self.WORKERS.values()}
        line = next((number for number in range(ARBITER_LINE + 1, SCOREBOARD_LINES) if number not in used), None)
        if line is None:
            raise BlockingIOError(errno.EAGAIN, f"{SCOREBOARD_LINES - 1} workers live already")
        self.server.scoreboard.clear_gauges(line)
        return line

    def note_worker_exit(self, worker: Worker) -> None:
        """Called for every worker that has exited; delays the next fork after one that never served."""
        worker.channel.close()
        self.control_server.forget(worker.channel)
        if not self.server.scoreboard.has_served(worker.line):
            self._spawn_after = monotonic() + RESPAWN_SECONDS

    def _current(self) -> list[int]:
        """The pids of the current workers, the oldest first."""
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
    """The server: loads the repository, then forks workers and replaces those that exit."""

    def __init__(self, settings: Settings, plan: DynoPlan) -> None:
        self._settings = settings
        self._plan = plan
        self._host = settings.host or default_host()
        self.scoreboard = Scoreboard(SCOREBOARD_LINES, SCOREBOARD_MODELS)
        logs.count_losses(ServerMetrics(self.scoreboard, ARBITER_LINE).log_line_lost)
        self.watcher = self._watcher()
        self._versions: set[tuple[str, str]] = set()
        super().__init__()

    def load_config(self) -> None:
        """Sets gunicorn's settings; none comes from its environment variables or files."""
        values = {
            "bind": [_bind(self._host, self._settings.port)],
            "workers": self._plan.workers,
            "worker_class": Worker,
            "preload_app": True,
            "timeout": SILENT_SECONDS,
            "graceful_timeout": GRACEFUL_SECONDS,
            "keepalive": KEEP_ALIVE_SECONDS,
            "worker_tmp_dir": _heartbeat_folder(),
            "control_socket_disable": True,
            "logger_class": _Logger,
            "pre_fork": _assign_line,
            "post_fork": _close_other_channels,
            "child_exit": _note_worker_exit,
            "when_ready": self._announce,
        }
        for name, value in values.items():
            self.cfg.set(name, value)

    def load(self) -> App:
        """Tries and loads every model before any worker is forked. Raises BadRepository."""
        self.watcher.load_all(self._settings.strict)
        plan = self._plan
        repository = self._take_repository()
        try:
            endpoints = Endpoints(repository, self._settings, self.scoreboard, plan.workers, busy_poll=plan.core_each)
        except ValueError as error:
            raise BadRepository(str(error)) from None
        self._versions = _versions(repository)
        app = App(endpoints)
        _freeze()
        return app

    def renew(self) -> None:
        """Gives the present models to workers that are forked from now on. Raises as `App.replace_models` does."""
        app: App = self.callable
        repository = self._take_repository()
        gc.unfreeze()
        try:
            app.replace_models(repository)
            self._versions = _versions(repository)
        finally:
            _freeze()
        log.info("reloaded: %s", self._served())

    def lift_quarantine(self, name: str | None = None) -> None:
        """Lets the versions of a name serve again, or all."""
        app: App = self.callable
        app.endpoints.lift_quarantine(name)

    def records(self) -> Mapping[tuple[str, str], Record]:
        """What is held against each version's present file, for a worker that is about to be forked."""
        app: App = self.callable
        return app.endpoints.records()

    def note_crash(self, worker: Worker, number: int) -> None:
        """Holds a worker's crash, by this signal, against the file whose run it was in, if it still serves.

        One that this process ended, for its silence, has crashed only if it was in that run all the time.
        """
        now = monotonic()
        before = now - SILENT_SECONDS + LIFE_SIGN_SECONDS if worker.aborted else now
        key = self.scoreboard.last_begun(worker.line, before)
        record = worker.records.get(key) if key is not None else None
        if key is None or record is None:
            return
        count = record.crash(now)
        if not count:
            return
        reason = record.reason or f"{count} of {CRASHES} that quarantine it"
        described = signal.strsignal(number)
        fields = {"model": key[0], "version": key[1]}
        log.error("a worker died within a run (%s): %s", described, reason, extra=fields)

    def _take_repository(self) -> Repository:
        repository = self.watcher.repository()
        self.scoreboard.keep(_versions(repository) | self._versions)  # retiring workers still write their blocks
        return repository

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


def _versions(repository: Repository) -> set[tuple[str, str]]:
    return {(model.name, model.version) for model in repository}


def crash_of(pid: int) -> int | None:
    """The signal by which a child has crashed that is not reaped yet; it stays so."""
    try:
        status = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return None
    died = status is not None and status.si_code in (os.CLD_KILLED, os.CLD_DUMPED)
    return status.si_status if status is not None and died and status.si_status in CRASH_SIGNALS else None


def _freeze() -> None:
    """Keeps the collector off all present objects: a child's collection would copy their pages."""
    gc.collect()
    gc.freeze()


def _heartbeat_folder() -> str | None:
    """Where workers' heartbeats lie: in memory, as a full or slow disk must stop no worker; None where that is not."""
    memory = Path("/dev/shm")  # noqa: S108 - gunicorn makes its files there safely
    return str(memory) if os.access(memory, os.W_OK | os.X_OK) else None


def _assign_line(arbiter: _Arbiter, worker: Worker) -> None:
    arbiter.unborn = worker
    worker.line = arbiter.free_line()
    worker.channel = ControlChannel()
    worker.records = arbiter.server.records()
    worker.tmp.notify()  # its silence counts from now, even if it hangs before it first says that it lives


def _close_other_channels(arbiter: _Arbiter, worker: Worker) -> None:
    """In a fresh worker, closes the sockets of the arbiter and of the other workers."""
    for sibling in arbiter.WORKERS.values():
        sibling.channel.close()
    worker.channel.arbiters.close()


def _note_worker_exit(arbiter: _Arbiter, worker: Worker) -> None:
    arbiter.note_worker_exit(worker)


def _bind(host: str, port: int) -> str:
    """An address in gunicorn's form: adds the brackets of IPv6."""
    bare = host.strip("[]")
    return f"[{bare}]:{port}" if ":" in bare else f"{bare}:{port}"


def default_host() -> str:
    """``[::]``, which accepts IPv4 too; ``0.0.0.0`` without IPv6."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
            probe.bind(("::", 0))
    except OSError:
        return "0.0.0.0"
    return "[::]"
