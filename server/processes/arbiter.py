"""Owns the life of workers: which serve, which retire, which are replaced, and the end of all. Knows no HTTP.

docs/decisions.md: "A reload forks first, then retires".
"""

from __future__ import annotations

import contextlib
import math
import os
import queue
import select
import signal
from time import monotonic, process_time, sleep
from typing import TYPE_CHECKING, Any

from server.confinement.memory import let_files_go
from server.logs import handler as logs
from server.logs import log
from server.metrics.process import Wanted, read_memory
from server.processes.box import BoxWatch
from server.processes.control import ControlServer
from server.processes.exits import crash_of
from server.processes.forking import ForkingArbiter
from server.processes.signals import once

if TYPE_CHECKING:
    from server.processes.application import Server

GRACEFUL_SECONDS = 22  # for a worker to stop; the arbiter stops within 25
SILENT_SECONDS = 30  # a worker whose loop does not turn for so long is killed
STALL_SECONDS = 5  # between two turns of the arbiter's loop: the whole box stood still, not a worker
HURRIED_SECONDS = 2  # for a worker to stop after a second Ctrl-C
MEASURE_SECONDS = 30  # between two looks at what this process holds
POLL_SECONDS = 0.02  # between two looks at the scoreboard while workers change
# Times as many workers as serve that may be on their way out: whoever reloads again and again, while slow clients hold
# each worker for as long as they can, would else fill the memory with them.
MOST_RETIRING = 4


class ReloadingArbiter(ForkingArbiter):
    """gunicorn's arbiter with a reload that never waits: old workers retire while the loop goes on.

    A worker is current, then outgoing (until all current ones serve), then retiring (stopping, not yet gone).
    docs/decisions.md: "A reload forks first, then retires".
    """

    def __init__(self, server: Server) -> None:
        self.control_server = ControlServer(server.watcher, server.lift_quarantine)
        self._restart = False  # fork fresh workers, even if no model has changed
        self._is_partial = False  # versions wait for the blocks of workers that end
        self._is_stale = False  # the last renewal failed: workers have the models from before
        self._is_lean = False  # what a start or a reload read of files, and serving does not, is let go
        self._box_watch = BoxWatch(server.box)
        self._wake, waker = os.pipe()
        os.set_blocking(self._wake, False)
        os.set_blocking(waker, False)
        self._waker = waker
        self.outgoing: dict[int, float] = {}  # pid -> since when, on the monotonic clock
        self.retiring: dict[int, float] = {}
        self._measured = -float(MEASURE_SECONDS)  # when it last told what it holds
        self._turned = monotonic()  # the last turn of the loop
        self._patient_until = 0.0  # silent workers are not killed before
        super().__init__(server)

    def init_signals(self) -> None:
        """Installs gunicorn's handlers; every signal also ends the wait of `wait_for_signals`."""
        super().init_signals()
        signal.set_wakeup_fd(self._waker, warn_on_full_buffer=False)

    def reload(self) -> None:
        """SIGHUP: announces the whole folder; fresh workers wait a moment for its trials."""
        self._restart = True
        self.server.lift_quarantine()
        self.server.watcher.announce()

    def wait_for_signals(self, timeout: float = 1.0) -> list[int]:
        """Returns the signals that came. Waits for them, a trial, a worker's call or the next scan of the folder."""
        watcher = self.server.watcher
        channels = [worker.channel for worker in self.WORKERS.values()]
        moves = self._is_changing() and monotonic() >= self.spawn_after
        wait = min(timeout, POLL_SECONDS if moves else watcher.seconds_to_wait())
        waiting = select.poll()  # select() refuses descriptors from 1024 on, which many workers use
        for readable in (self._wake, *channels, *watcher.waits_for()):
            waiting.register(readable, select.POLLIN)
        waiting.poll(math.ceil(wait * 1000))
        with contextlib.suppress(BlockingIOError):
            os.read(self._wake, 1 << 16)
        return once(super().wait_for_signals(timeout=0.0))

    def manage_workers(self) -> None:
        """Called at every turn of the loop, at least twice a second: updates models, forks and retires workers."""
        logs.tick()
        self._measure()
        self._forget_gone()
        self._replace_stuck()
        self._follow_box()
        self._update_models()
        if monotonic() >= self.spawn_after:
            self.fork_workers(self.num_workers - len(self._current()))
        current = self._current()
        for pid in current[: max(0, len(current) - self.num_workers)]:  # SIGTTOU: the oldest go
            self._retire(pid)
        now = monotonic()
        if self._is_whole():
            for pid in list(self.outgoing):
                self._retire(pid)
            if not self._is_lean:
                self._is_lean = True
                let_files_go()
        for pid in [pid for pid, since in self.retiring.items() if now - since > GRACEFUL_SECONDS]:
            self.kill_worker(pid, signal.SIGKILL)
        self.control_server.answer(settled=not self._is_changing(), stale=self._is_stale)

    def _measure(self) -> None:
        """Tells now and then what this process holds, and has used."""
        now = monotonic()
        if now - self._measured >= MEASURE_SECONDS:
            self._measured = now
            self.server.metrics.memory(read_memory())
            self.server.metrics.beat(Wanted(process_time(), 0.0), (0.0, 0), 0.0)
            self.server.give_up_guesses()

    def _replace_stuck(self) -> None:
        """Makes workers outgoing that have a run which does not end: they serve on until others do."""
        for pid in self._current():
            if self.server.scoreboard.is_stuck(self.WORKERS[pid].line):
                self.outgoing[pid] = monotonic()

    def _follow_box(self) -> None:
        """Where the box has grown or shrunk: fresh workers, as many as it has room for, as at a reload.

        Those that are too many go at once, so that a smaller box never has to hold them beside the fresh ones.
        """
        box = None if self.outgoing else self._box_watch.look(monotonic())
        if box is None:
            return
        workers = self.server.fit(box)
        if workers is not None:
            self.num_workers = workers
        current = self._current()
        for pid in current[: max(0, len(current) - self.num_workers)]:
            self._retire(pid)
        self._restart = True

    def _update_models(self) -> None:
        """Receives calls, steps the watcher, and makes workers outgoing on a change; an error is only logged."""
        try:
            self.control_server.receive([worker.channel for worker in self.WORKERS.values()])
            changed = self.server.watcher.step()
            gathers = self.server.watcher.gathers
            rest = self._is_partial and not self.retiring
            if not (self.outgoing or gathers or self._is_crowded()) and (changed or self._restart or rest):
                self._restart = self._is_partial = self._is_lean = False
                self._is_stale = True
                self._is_partial = not self.server.renew()
                self._is_stale = False
                self.outgoing |= dict.fromkeys(self._current(), monotonic())
        except Exception:  # noqa: BLE001
            log.exception("the models could not be renewed, those from before go on")

    def _is_crowded(self) -> bool:
        """Whether so many workers are on their way out that one must go before the next reload."""
        return len(self.retiring) >= MOST_RETIRING * max(1, int(self.num_workers))

    def _is_changing(self) -> bool:
        """Whether outgoing or retiring workers still accept, or current ones do not yet."""
        scoreboard = self.server.scoreboard
        leaving = any(scoreboard.serves(self.WORKERS[pid].line) for pid in self.retiring if pid in self.WORKERS)
        coming = not all(scoreboard.serves(self.WORKERS[pid].line) for pid in self._current())
        waits = self._restart or self._is_partial
        return bool(waits or self.outgoing or leaving or coming or self.server.watcher.has_changed)

    def _is_whole(self) -> bool:
        """Whether as many current workers serve as should."""
        current = self._current()
        serving = [pid for pid in current if self.server.scoreboard.serves(self.WORKERS[pid].line)]
        return len(serving) == len(current) and len(current) >= int(self.num_workers)

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
        began = monotonic()
        log.info("stopping: %d workers finish what they hold", len(self.WORKERS))
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
            self.control_server.receive([worker.channel for worker in self.WORKERS.values()])
            self.reap_workers()
            sleep(POLL_SECONDS)
        late = len(self.WORKERS)
        self.kill_workers(signal.SIGKILL)
        self.reap_workers()
        log.info("stopped after %.1f s%s", monotonic() - began, f"; {late} workers had to be killed" if late else "")

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
