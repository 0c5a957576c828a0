"""Owns the forking of workers: what each gets before its fork and gives back, and forks that fail. Knows no models."""

from __future__ import annotations

import errno
import os
import signal
from time import monotonic
from typing import TYPE_CHECKING

from gunicorn.arbiter import Arbiter

from server.logs import log
from server.metrics.scoreboard import ARBITER_LINE
from server.processes.control import ControlChannel, ControlServer
from server.processes.worker import FORK_SIGNALS, Worker

if TYPE_CHECKING:
    from server.processes.application import Server

SCOREBOARD_LINES = 1024  # the arbiter and the workers alive at a time, retiring ones among them
RESPAWN_SECONDS = 1.0  # between workers that die before they serve


class ForkingArbiter(Arbiter):  # type: ignore[misc]
    """gunicorn's arbiter, which goes on where no worker can be forked. ``spawn_after``: none is forked before."""

    # The exit status of a worker that could not boot stays 3, but `reap_workers` does not end the server for it.
    WORKER_BOOT_ERROR = 256 + Arbiter.WORKER_BOOT_ERROR
    control_server: ControlServer

    def __init__(self, server: Server) -> None:
        self.server = server
        self.spawn_after = 0.0
        self.unborn: Worker | None = None  # made, not yet forked
        self._has_forked = False
        self._fork_fails = False  # the last fork did; said once
        super().__init__(server)

    def fork_workers(self, number: int) -> None:
        """Forks so many workers; where that fails, it is put off."""
        for _ in range(number):
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
        self.spawn_after = monotonic() + RESPAWN_SECONDS

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
            self.spawn_after = monotonic() + RESPAWN_SECONDS
        self.server.scoreboard.clear_gauges(worker.line)  # nobody may have the line for long


def assign_line(arbiter: ForkingArbiter, worker: Worker) -> None:
    """Gives a worker what it has from before its fork."""
    arbiter.unborn = worker
    worker.line = arbiter.free_line()
    worker.channel = ControlChannel()
    worker.records = arbiter.server.records()
    worker.tmp.notify()  # its silence counts from now, even if it hangs before it first says that it lives


def close_other_channels(arbiter: ForkingArbiter, worker: Worker) -> None:
    """In a fresh worker, closes the sockets of the arbiter and of the other workers."""
    for sibling in arbiter.WORKERS.values():
        sibling.channel.close()
    worker.channel.arbiters.close()


def note_worker_exit(arbiter: ForkingArbiter, worker: Worker) -> None:
    """Tells the arbiter of a worker that has exited."""
    arbiter.note_worker_exit(worker)
