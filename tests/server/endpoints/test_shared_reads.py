"""Reads that many ask for at once: one is made after the other, begun after who gets it had asked."""

from __future__ import annotations

import asyncio

import pytest

from server.endpoints.shared_reads import AT_ONCE, SharedReads
from tests.support.server.rig import in_loop


class Making:
    """Makes numbers, each only once the test lets it."""

    def __init__(self) -> None:
        self.begun = 0
        self.let = asyncio.Semaphore(0)
        self.fails = False

    async def make(self) -> int:
        self.begun += 1
        number = self.begun
        await self.let.acquire()
        if self.fails:
            raise ValueError(str(number))
        return number


async def turns(number: int = 5) -> None:
    for _ in range(number):
        await asyncio.sleep(0)


@in_loop
async def test_all_who_ask_while_one_is_made_get_the_one_that_is_begun_next() -> None:
    making, reads = Making(), SharedReads()
    first = asyncio.ensure_future(reads.get("a", making.make))
    await turns()
    later = [asyncio.ensure_future(reads.get("a", making.make)) for _ in range(50)]
    await turns()
    assert making.begun == 1
    making.let.release()
    assert await first == 1
    making.let.release()
    assert await asyncio.gather(*later) == [2] * 50
    assert making.begun == 2
    making.let.release()
    assert await reads.get("a", making.make) == 3, "what was made before it was asked for is no answer"


@in_loop
async def test_they_are_told_a_few_in_a_turn_of_the_loop() -> None:
    making, reads = Making(), SharedReads()
    asking = [asyncio.ensure_future(reads.get("a", making.make)) for _ in range(10 * AT_ONCE)]
    await turns()
    making.let.release()
    making.let.release()
    told = 0
    while not all(each.done() for each in asking):
        await asyncio.sleep(0)
        now = sum(each.done() for each in asking)
        assert now - told <= AT_ONCE
        told = now


@in_loop
async def test_each_name_is_made_by_itself_and_an_error_is_theirs_who_asked() -> None:
    one, other, reads = Making(), Making(), SharedReads()
    other.fails = True
    asking = [asyncio.ensure_future(reads.get(name, it.make)) for name, it in (("a", one), ("b", other), ("b", other))]
    await turns()
    asking[1].cancel()
    for making in (one, other, other):
        making.let.release()
    assert await asking[0] == 1
    with pytest.raises(ValueError, match="1"):
        await asking[2]
    assert not reads._waiting
