"""Owns how long work that can wait keeps the loop: one budget a turn for all who have some. Knows no work.

Bodies are read, answers encoded and segments parsed by queues of their own. Each alone may be quick, but their turns
follow one another, and a client waits for the sum. docs/decisions.md: "One budget a turn".
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from time import monotonic
from typing import Protocol

from server.batching.collection import CollectionPause
from server.logs import log

TURN_SECONDS = 0.005  # of work before the loop has its own turn
SHARE_SECONDS = 0.001  # of one queue, before another has its


class Queue(Protocol):
    """What has work to do, some of it at a time."""

    def work_on(self, until: float) -> bool:
        """Works until a time of the clock, or one slice longer; returns whether it has more. Raises nothing."""


class Turns:
    """The queues of a worker that have work left. ``now``: the monotonic clock."""

    def __init__(self, now: Callable[[], float] = monotonic) -> None:
        self.now = now
        self._waiting: deque[Queue] = deque()
        self._scheduled = False
        self._pause = CollectionPause()
        self._spent = 0.0  # seconds of work that was begun at once in this turn of the loop

    @property
    def left(self) -> float:
        """Seconds that work may take at once, in this turn of the loop; not above zero if it must wait."""
        return 0.0 if self._scheduled else TURN_SECONDS - self._spent

    def spend(self, seconds: float) -> None:
        """Counts work that was done at once."""
        if not self._spent:
            asyncio.get_running_loop().call_soon(self._renew)
        self._spent += seconds

    def begin(self, queue: Queue) -> None:
        """Works at once where this turn has time left; what remains waits as in `add`."""
        left = self.left
        if left > 0:
            began = self.now()
            try:
                more = queue.work_on(began + left)
            except Exception:
                self.add(queue)  # what it has besides does not wait for ever
                raise
            self.spend(self.now() - began)
            if not more:
                return
        self.add(queue)

    def add(self, queue: Queue) -> None:
        """Puts a queue, which does not wait, behind those that wait."""
        self._waiting.append(queue)
        if not self._scheduled:
            self._scheduled = True
            self._pause.begin(self.now())
            asyncio.get_running_loop().call_soon(self._turn)

    def _renew(self) -> None:
        self._spent = 0.0

    def _turn(self) -> None:
        waiting = self._waiting
        now = self.now()
        ends = now + max(TURN_SECONDS - self._spent, SHARE_SECONDS)
        while waiting and now < ends:
            queue = waiting.popleft()
            try:
                more = queue.work_on(min(now + SHARE_SECONDS, ends))
            except Exception:  # noqa: BLE001  an error with one request, of no memory for instance, holds up no other
                log.exception("work in turns failed")
                more = True
            if more:
                waiting.append(queue)
            now = self.now()
        self._scheduled = bool(waiting)
        if self._scheduled:
            self._pause.look(now)
            asyncio.get_running_loop().call_soon(self._turn)
        else:
            self._pause.end()
