"""Whose turn it is to go on, and for how long."""

from __future__ import annotations

import asyncio

from server.batching.turns import SHARE_SECONDS, TURN_SECONDS, Turns
from server.http.turn_queue import TurnQueue
from tests.support.server.doors import post

SEGMENT = 262_144
TINY_CHUNKS = post(b"").replace(b"Content-Length: 0", b"Transfer-Encoding: chunked") + b"1\r\n \r\n" * 50_000


class Reading:
    """A connection that has ``shares`` left to parse, and takes all the time of each."""

    def __init__(self, name: str, shares: int, clock: list[float], log: list[str]) -> None:
        self._name, self._shares, self._clock, self._log = name, shares, clock, log

    def parse_on(self, until: float) -> bool:
        self._clock[0] = until
        self._shares -= 1
        self._log.append(self._name)
        return self._shares > 0


def test_connections_take_turns_and_so_does_the_loop() -> None:
    clock, log = [0.0], list[str]()

    async def act() -> None:
        queue = TurnQueue(Turns(lambda: clock[0]))
        for name, shares in (("a", 6), ("b", 2), ("c", 1)):
            queue.begin(Reading(name, shares, clock, log).parse_on)
        assert log == ["a", "b", "c"]
        await asyncio.sleep(0)
        assert log == ["a", "b", "c", *"abaaaa"[: round(TURN_SECONDS / SHARE_SECONDS)]]
        await asyncio.sleep(0)
        assert log == ["a", "b", "c", *"abaaaa"]
        assert queue.idle

    asyncio.run(act())


def test_an_error_of_one_connection_holds_up_no_other() -> None:
    class Failing(Reading):
        def parse_on(self, until: float) -> bool:
            raise RuntimeError("the handler is closed")

    clock, log = [0.0], list[str]()

    async def act() -> None:
        queue = TurnQueue(Turns(lambda: clock[0]))
        queue.add(Failing("a", 1, clock, log).parse_on)
        queue.add(Reading("b", 1, clock, log).parse_on)
        await asyncio.sleep(0)
        assert log == ["b"]
        assert queue.idle

    asyncio.run(act())
