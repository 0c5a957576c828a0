"""More than can be served, by a clock that only runs move: what is accepted keeps its time, and all is well after."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from server.artefact.runtime import Feed
from server.artefact.tensors import Array
from server.batching.cost import CostCurve
from server.errors import ServerError
from tests.support.server.rig import MODEL, Curve, NumbersEntry, Rig, in_loop

RUN_SECONDS = 0.0005  # of a run of one row: short enough to be inline
QUEUE_SECONDS = 0.2
DEADLINE_SECONDS = 0.5
SETTINGS: dict[str, Any] = {"max_batch_rows": 1, "deadline_seconds": DEADLINE_SECONDS}


class Costly:
    """A runtime whose runs take time by the rig's clock, and nothing else does."""

    def __init__(self) -> None:
        self.seconds = RUN_SECONDS
        self.stopped = False
        self.spend: Callable[[float], None] = lambda seconds: None

    def run(self, outputs: Sequence[str], feed: Feed) -> list[Array]:
        self.spend(self.seconds)
        return [MODEL[outputs[0]](feed["X"][:, 0])]

    def stop(self) -> None:
        raise AssertionError("an inline run cannot be stopped")

    def resume(self) -> None:
        """There is nothing to resume."""


class Load:
    """Clients that ask when they want to, however long others wait."""

    def __init__(self, curve: CostCurve | None = None, queue_seconds: float = QUEUE_SECONDS) -> None:
        self.runtime = Costly()
        self.rig = Rig(curve or Curve(RUN_SECONDS), self.runtime, queue_seconds=queue_seconds, **SETTINGS)
        self.runtime.spend = self._spend
        self.latencies: list[float] = []  # of those that were served
        self.refused: list[ServerError] = []
        self.most_waiting = 0

    def _spend(self, seconds: float) -> None:
        self.rig.time += seconds

    def ask(self) -> bool:
        """One client asks as a door does; whether it may wait."""
        rig, began = self.rig, self.rig.time
        try:
            rig.batcher.check_capacity(began + DEADLINE_SECONDS)
        except ServerError as error:
            self.refused.append(error)
            return False
        entry = NumbersEntry(1, deadline=began + DEADLINE_SECONDS)
        entry.outcome.add_done_callback(lambda outcome: self._note(outcome.result(), rig.time - began))
        rig.submit(entry)
        self.most_waiting = max(self.most_waiting, len(rig.batcher._queue))
        return True

    def _note(self, outcome: bytes | ServerError, seconds: float) -> None:
        if isinstance(outcome, ServerError):
            self.refused.append(outcome)
        else:
            self.latencies.append(seconds)

    async def keep_up(self, times: float, seconds: float) -> None:
        """So many times the requests that can be served, for so long."""
        due = self.rig.time
        ends = due + seconds
        while due < ends:
            while due <= self.rig.time:
                self.ask()
                due += RUN_SECONDS / times
            await asyncio.sleep(0)
            if self.rig.idle:
                self.rig.time = max(self.rig.time, due)

    async def drain(self) -> float:
        """Lets all that waits be served; the seconds that took."""
        began = self.rig.time
        while not self.rig.idle:  # noqa: ASYNC110
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        return self.rig.time - began


@pytest.mark.fault(34)
@pytest.mark.parametrize("times", [2.0, 5.0, 10.0])
@in_loop
async def test_of_too_much_load_as_much_is_served_as_can_be_and_in_time(times: float) -> None:
    load = Load()
    await load.keep_up(times, seconds=0.6)
    await load.drain()
    assert len(load.latencies) >= 0.95 * 0.6 / RUN_SECONDS
    assert max(load.latencies) <= QUEUE_SECONDS + 3 * RUN_SECONDS < DEADLINE_SECONDS
    assert load.most_waiting <= QUEUE_SECONDS / RUN_SECONDS + 2
    assert load.refused
    assert all(error.code == "overloaded" and error.headers["retry-after"] == "1" for error in load.refused)


@pytest.mark.fault(34)
@in_loop
async def test_of_a_burst_some_are_served_and_the_rest_is_told_at_once() -> None:
    load = Load()
    accepted = sum(load.ask() for _ in range(1000))
    assert accepted == QUEUE_SECONDS / RUN_SECONDS + 1
    assert len(load.refused) == 1000 - accepted
    await load.drain()
    assert len(load.latencies) == accepted


@pytest.mark.fault(34)
@in_loop
async def test_without_a_limit_the_same_load_is_answered_too_late() -> None:
    """The control: who passed this would show nothing."""
    load = Load(queue_seconds=1e9)
    await load.keep_up(5.0, seconds=0.6)
    await load.drain()
    assert max(load.latencies) > QUEUE_SECONDS + 3 * RUN_SECONDS


@pytest.mark.fault(36)
@in_loop
async def test_who_asks_again_at_once_costs_nobody_else_and_all_is_well_soon_after() -> None:
    load = Load()
    before = 0
    for _ in range(400):  # turns in which five new clients come, and each that was refused asks three times more
        for _ in range(5):
            if not load.ask():
                for _ in range(3):
                    load.ask()
        await asyncio.sleep(0)
        assert len(load.latencies) >= before, "the load that is held is served meanwhile"
        before = len(load.latencies)
    assert before >= 0.95 * 400 - 5
    assert len(load.refused) > 4000 - QUEUE_SECONDS / RUN_SECONDS - 400
    assert await load.drain() <= QUEUE_SECONDS + RUN_SECONDS
    load.refused.clear()
    load.latencies.clear()
    await load.keep_up(0.5, seconds=0.05)
    await load.drain()
    assert not load.refused
    assert max(load.latencies) <= 3 * RUN_SECONDS


@pytest.mark.fault(41)
@in_loop
async def test_where_others_take_the_processor_more_is_refused_and_what_is_served_is_in_time() -> None:
    load = Load(CostCurve())
    load.runtime.seconds = RUN_SECONDS / 10
    await load.keep_up(5.0, seconds=0.3)
    assert not load.refused
    load.runtime.seconds = RUN_SECONDS  # of what it had, a tenth is left
    await load.keep_up(5.0, seconds=2.0)
    await load.drain()
    assert load.refused
    assert max(load.latencies) <= DEADLINE_SECONDS
    assert len(load.latencies) >= 0.9 * 2.0 / RUN_SECONDS
    load.refused.clear()
    load.latencies.clear()
    await load.keep_up(0.5, seconds=0.2)
    await load.drain()
    assert not load.refused
    assert max(load.latencies) < QUEUE_SECONDS
