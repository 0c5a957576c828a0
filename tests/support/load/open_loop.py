"""Owns load that comes when it is due, whatever became of what came before, and what is good of its answers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.support.integration.wire import Answer, Wire

MOST_WIRES = 1000


@dataclass
class Outcome:
    """What became of the requests of one stretch of load. Times are seconds from when a request was due."""

    seconds: float
    good: list[float] = field(default_factory=list)  # 200
    refused: list[float] = field(default_factory=list)  # 503 with Retry-After
    other: list[str] = field(default_factory=list)

    def goodput(self, deadline: float) -> float:
        """Answers a second that came within the deadline."""
        return sum(1 for taken in self.good if taken <= deadline) / self.seconds

    def note(self, answer: Answer, taken: float) -> None:
        if answer.status == 200:
            self.good.append(taken)
        elif answer.status == 503 and int(answer.headers.get("retry-after", 0)) >= 1:
            self.refused.append(taken)
        else:
            self.other.append(f"{answer.status} {answer.body!r}")


def p99(seconds: Sequence[float]) -> float:
    """The time within which 99 of 100 were over; 0 of none."""
    return sorted(seconds)[int(len(seconds) * 0.99)] if seconds else 0.0


class OpenLoop:
    """Sends one request over and over, on as many connections as it needs, at most MOST_WIRES."""

    def __init__(self, port: int, data: bytes) -> None:
        self._port = port
        self._data = data
        self._free: list[Wire] = []
        self._opened = 0

    async def run(self, rate: float, seconds: float, retries: int = 0) -> Outcome:
        """Load at a rate for a time; what is refused is tried again at once, so many times."""
        outcome = Outcome(seconds)
        tasks: set[asyncio.Task[None]] = set()
        began = time.monotonic()
        for number in range(int(rate * seconds)):
            due = began + number / rate
            if (wait := due - time.monotonic()) > 0:
                await asyncio.sleep(wait)
            task = asyncio.create_task(self._ask(outcome, due, retries))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        await asyncio.gather(*tasks)
        return outcome

    async def peak(self, seconds: float, clients: int = 8) -> float:
        """Answers a second to clients that ask again as soon as they are answered."""
        end = time.monotonic() + seconds
        counts = await asyncio.gather(*(self._ask_until(end) for _ in range(clients)))
        return sum(counts) / seconds

    async def _ask_until(self, end: float) -> int:
        wire = self._free.pop() if self._free else await self._open()
        count = 0
        while time.monotonic() < end:
            count += (await wire.ask(self._data)).status == 200
        self._free.append(wire)
        return count

    async def _ask(self, outcome: Outcome, due: float, retries: int) -> None:
        if not self._free and self._opened >= MOST_WIRES:
            outcome.other.append("no connection is free")
            return
        try:
            wire = self._free.pop() if self._free else await self._open()
            answer = await wire.ask(self._data)
            while answer.status == 503 and retries:
                retries -= 1
                answer = await wire.ask(self._data)
        except (ConnectionError, TimeoutError) as error:
            outcome.other.append(repr(error))
            return
        outcome.note(answer, time.monotonic() - due)
        self._free.append(wire)

    async def _open(self) -> Wire:
        self._opened += 1
        return await Wire.open(self._port)

    async def close(self) -> None:
        """Ends the connections that are free."""
        for wire in self._free:
            await wire.close()
