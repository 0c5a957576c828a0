"""Owns the moment at which a due request is handed to a connection, under gevent. Knows nothing of HTTP.

gevent's own sleep is rounded up to a whole millisecond by epoll, which would be counted as the server's latency. So
the last stretch before each arrival is spent turning the event loop without blocking: precise to some 20 us, at the
price of a busy core. Where the generator has no core to itself, it sleeps instead and says how late it was.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import Any

import gevent
from gevent.queue import SimpleQueue

_SPIN_BELOW_S = 0.003
_IDLE_TURN_S = 50e-6  # a turn of the loop that took longer was interrupted

Offer = tuple[float, float]


class IdleMeter:
    """Adds up the time in which this process's event loop slept in the kernel because it had nothing to do.

    Not all but processor time, because a generator that shares its core with others is at its limit long before it
    has used the whole of it: what counts is whether it ever had to wait for work. Of a look at the sockets, only the
    part in which no processor time was used is a wait; a loaded loop spends a third of its time on looking.
    """

    def __init__(self) -> None:
        self.blocked_s = 0.0
        self._since = 0.0
        loop: Any = gevent.get_hub().loop
        self._before = loop.prepare(ref=False, priority=-2)  # last: gevent runs its own callbacks as a prepare watcher
        self._after = loop.check(ref=False, priority=2)  # first of what follows the wait
        self._before.start(self._wait_begins)
        self._after.start(self._wait_ends)

    def _wait_begins(self) -> None:
        self._since = time.perf_counter() - time.thread_time()

    def _wait_ends(self) -> None:
        if self._since:
            self.blocked_s += max(0.0, time.perf_counter() - time.thread_time() - self._since)
            self._since = 0.0


class Pacer:
    """Hands out arrivals, each once: the first free connection takes the oldest one that is due."""

    def __init__(self, *, spin: bool) -> None:
        self._spin = spin
        self._offers: SimpleQueue[Offer] = SimpleQueue()
        self._steps = 0  # of the connections; a turn of the loop without any was idle
        self.spinning_s = 0.0
        self.exhausted = False

    def run(self, started: float, due_times: Iterable[float]) -> None:
        """Offer every arrival when it is due; returns when the last one has been offered. Runs in its own greenlet."""
        for seconds in due_times:
            due = started + seconds
            self._await(due)
            self._offers.put((due, time.perf_counter()))
        self.exhausted = True

    def next_arrival(self) -> Offer:
        """The oldest arrival that nobody has taken: when it was due, and when it was offered. Waits for one."""
        self._steps += 1  # an answer came
        offer: Offer = self._offers.get()
        self._steps += 1  # a request goes
        return offer

    def left(self) -> Iterator[Offer]:
        """The arrivals that no connection was free for."""
        while not self._offers.empty():
            yield self._offers.get()

    def waiting(self) -> int:
        """How many arrivals wait for a connection."""
        return int(self._offers.qsize())

    def _await(self, due: float) -> None:
        hub = gevent.get_hub()
        while (wait := due - (turned := time.perf_counter())) > 0:
            if not self._spin or wait > _SPIN_BELOW_S:
                gevent.sleep(max(wait - _SPIN_BELOW_S / 2, 0.0005) if self._spin else wait)
                continue
            before = self._steps
            hub.wait(hub.loop.timer(0))  # one turn that polls the sockets; sleep(0) would not poll them
            turn = time.perf_counter() - turned
            if turn < _IDLE_TURN_S and self._steps == before:
                self.spinning_s += turn
