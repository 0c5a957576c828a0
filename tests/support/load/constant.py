"""Owns load at a constant rate, half on kept-alive and half on new connections, every answer checked by the test."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tests.support.integration.wire import Answer, Wire


@dataclass
class Constant:
    """Requests at fixed times, whatever became of those before. ``check`` says what is wrong with an answer."""

    port: int
    per_second: int
    make: Callable[[int], bytes]
    check: Callable[[int, Answer], str | None]
    kept: int = 32
    lost: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)  # from a request to its answer
    late: list[float] = field(default_factory=list)  # after its time, as the generator had no more of its core
    stopped: bool = False
    _began: float = 0.0
    _turns: dict[str, itertools.count[int]] = field(
        default_factory=lambda: {"kept": itertools.count(), "fresh": itertools.count()}
    )

    async def run(self) -> None:
        """Asks until stopped."""
        self._began = time.monotonic()
        fresh = max(16, self.per_second // 40)  # more than are ever open at a time
        await asyncio.gather(*(self._keep() for _ in range(self.kept)), *(self._renew() for _ in range(fresh)))

    async def _turn(self, share: str) -> tuple[int, float] | None:
        number = next(self._turns[share])
        due = self._began + number * 2 / self.per_second
        wait = due - time.monotonic()
        if wait > 0:
            await asyncio.sleep(wait)
        return None if self.stopped else (number, due)

    async def _keep(self) -> None:
        wire = await Wire.open(self.port)
        while (turn := await self._turn("kept")) is not None:
            answer = await self._ask(wire, *turn)
            if answer is None or answer.headers.get("connection") == "close":
                await wire.close()
                wire = await Wire.open(self.port)
        await wire.close()

    async def _renew(self) -> None:
        while (turn := await self._turn("fresh")) is not None:
            try:
                wire = await Wire.open(self.port)
            except OSError as error:
                self.lost.append(f"connecting: {error!r}")
                continue
            await self._ask(wire, *turn)
            await wire.close()

    async def _ask(self, wire: Wire, number: int, due: float) -> Answer | None:
        began = time.monotonic()
        self.late.append(began - due)
        try:
            answer = await wire.ask(self.make(number))
        except (ConnectionError, TimeoutError) as error:
            self.lost.append(repr(error))
            return None
        self.seconds.append(time.monotonic() - began)
        wrong = self.check(number, answer) if answer.status == 200 else f"{answer.status} {answer.body!r}"
        if wrong:
            self.lost.append(wrong)
        return answer


def p99_ms(seconds: Sequence[float]) -> float:
    """Milliseconds within which 99 of 100 were over."""
    return sorted(seconds)[int(len(seconds) * 0.99)] * 1e3
