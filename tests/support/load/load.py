"""Owns load that records every request: when it was sent and how it ended."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import psutil

from tests.support.integration.wire import Answer, Wire


@dataclass
class Entry:
    """One request. ``sent``: when all its bytes were with the kernel; ``outcome``: an answer, or how it was lost."""

    local_port: int
    sent: float
    ended: float = 0.0
    outcome: Answer | ConnectionError | None = None


@dataclass
class Load:
    """Requests over kept-alive connections, each sent as soon as the last was answered, until told to stop."""

    bodies: Sequence[bytes]
    wires: list[Wire] = field(default_factory=list)
    book: list[Entry] = field(default_factory=list)
    stopped: bool = False
    answered: int = 0
    _goal: int = 0
    _reached: asyncio.Event = field(default_factory=asyncio.Event)

    async def connect(self, port: int, count: int) -> None:
        """Opens so many more connections, and proves each by a request."""
        fresh = [await Wire.open(port) for _ in range(count)]
        answers = await asyncio.gather(*(wire.ask(self.bodies[0]) for wire in fresh))
        assert all(answer.status == 200 for answer in answers)
        self.wires += fresh

    async def run(self) -> None:
        """Asks on every connection until `stop` or until the server closes it."""
        await asyncio.gather(*(self._ask_on(wire, start) for start, wire in enumerate(self.wires)))

    async def _ask_on(self, wire: Wire, start: int) -> None:
        for body in itertools.islice(itertools.cycle(self.bodies), start % len(self.bodies), None):
            if self.stopped:
                break
            entry = Entry(wire.local_port, 0.0)
            try:
                wire.send(body)
                entry.sent = time.monotonic()
                self.book.append(entry)
                entry.outcome = await wire.receive()
            except ConnectionError as error:
                entry.outcome = error
                break
            finally:
                entry.ended = time.monotonic()
            self._count()
            if entry.outcome.headers.get("connection", "").lower() == "close":
                break
        await wire.close()

    async def close(self) -> None:
        """Ends every connection."""
        for wire in self.wires:
            await wire.close()

    def stop(self) -> None:
        """No further request is sent."""
        self.stopped = True

    async def until_answered(self, count: int) -> None:
        """Waits until so many requests have been answered."""
        self._goal = count
        self._reached.clear()
        if self.answered < count:
            await asyncio.wait_for(self._reached.wait(), 30)

    def _count(self) -> None:
        self.answered += 1
        if self.answered >= self._goal:
            self._reached.set()


def peers(pid: int, port: int) -> set[int]:
    """The client ports of the connections that a process holds."""
    held = psutil.Process(pid).net_connections("tcp")
    return {link.raddr.port for link in held if link.laddr.port == port and link.raddr}
