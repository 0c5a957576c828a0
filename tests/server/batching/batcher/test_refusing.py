"""Whom the batcher refuses: at a full queue, past a deadline, at its end."""

from __future__ import annotations

import asyncio

import pytest

from server.errors import ServerError
from tests.support.server.rig import PATIENCE, SLOW, Curve, NumbersEntry, Rig, in_loop, turns


@pytest.mark.fault(35)
@in_loop
async def test_a_full_queue_refuses_and_says_how_long() -> None:
    rig = Rig(Curve(SLOW, 0.1), max_batch_rows=1)
    first = await rig.busy()
    rig.batcher.check_capacity()
    waiting = [NumbersEntry(number) for number in range(9)]
    rig.submit(*waiting)
    rig.batcher.check_capacity()  # 0.918 s of work wait, 1 s may
    last = NumbersEntry(1, 2, 3)
    rig.submit(last)
    with pytest.raises(ServerError) as caught:
        rig.batcher.check_capacity()  # now 1.224 s
    assert caught.value.code == "overloaded"
    assert caught.value.headers == {"retry-after": "2"}
    rig.runtime.gate.set()
    assert all([await entry.served() for entry in (first, *waiting, last)])
    rig.batcher.check_capacity()


class Weighed(NumbersEntry):
    """Says how much it takes, to ``counted``; there is room for so many."""

    def __init__(self, number: int, counted: list[int], room: int) -> None:
        super().__init__(number)
        self._counted, self._room = counted, room

    def weigh(self, size: int) -> None:
        if len(self._counted) == self._room:
            raise ServerError("overloaded", "they hold too much")
        self._counted.append(size)


@pytest.mark.fault(39)
@in_loop
async def test_beyond_light_rows_every_request_is_weighed_and_refused_where_all_is_too_much() -> None:
    rig = Rig(light_rows=5.0)
    counted: list[int] = []
    entries = [Weighed(number, counted, room=7) for number in range(16)]
    rig.submit(*entries)
    assert len(counted) == 7
    assert all(size > 8 for size in counted), "its number and what a request takes beside it"
    assert [await entry.code() for entry in entries] == ["no error"] * 13 + ["overloaded"] * 3


@pytest.mark.parametrize("row_independent", [True, False])
@in_loop
async def test_the_fixed_cost_counts_for_each_run_that_must_be_made(row_independent: bool) -> None:
    """Rows that cost nothing still wait for the runs before them, where few fit a run or each needs its own."""
    rig = Rig(Curve(0.1), row_independent=row_independent, max_batch_rows=1)
    first = await rig.busy()
    waiting = [NumbersEntry(number) for number in range(10)]
    rig.submit(*waiting)
    rig.batcher.check_capacity()
    waiting.append(NumbersEntry(11))
    rig.submit(waiting[-1])
    with pytest.raises(ServerError, match="try again in 2 s"):
        rig.batcher.check_capacity()
    rig.runtime.gate.set()
    assert all([await entry.served() for entry in (first, *waiting)])


@in_loop
async def test_many_rows_that_share_a_run_are_not_many_runs() -> None:
    rig = Rig(Curve(0.1))
    first = await rig.busy()
    waiting = [NumbersEntry(number) for number in range(500)]
    rig.submit(*waiting)
    rig.batcher.check_capacity()
    rig.runtime.gate.set()
    assert all([await entry.served() for entry in (first, *waiting)])
    assert len(rig.runtime.runs) == 2


@in_loop
async def test_a_request_longer_than_the_queue_passes_where_nothing_waits() -> None:
    rig = Rig(Curve(0.0, 1.0))
    rig.batcher.check_capacity()
    entry = NumbersEntry(1, 2, 3)
    rig.submit(entry)
    assert await entry.served()


@in_loop
async def test_close_while_busy_answers_what_runs_and_refuses_what_waits() -> None:
    rig = Rig(Curve(SLOW))
    first = await rig.busy()
    waiting = NumbersEntry(1)
    rig.submit(waiting)
    rig.batcher.close()
    assert await waiting.code() == "draining"
    late = NumbersEntry(2)
    rig.submit(late)
    rig.runtime.gate.set()
    assert await first.served()
    assert await late.code() == "draining"
    last = NumbersEntry(3)
    rig.submit(last)
    assert await last.code() == "draining"
    assert rig.idle


@pytest.mark.fault(31)
@in_loop
async def test_a_deadline_that_passes_in_the_queue_is_a_504_and_not_run() -> None:
    rig = Rig(Curve(SLOW))
    first = await rig.busy()
    late, patient = NumbersEntry(1, deadline=105.0), NumbersEntry(2)
    rig.submit(late, patient)
    rig.time = 104.999
    await turns()
    assert not late.outcome.done()
    rig.time = 105.0
    assert await late.code() == "deadline_exceeded"  # while the gate is still shut
    rig.runtime.gate.set()
    assert await first.served()
    assert await patient.served()
    assert rig.runtime.rows == [[7], [2]]
    assert rig.failures("deadline_exceeded") == 1


@pytest.mark.fault(31)
@in_loop
async def test_a_deadline_that_passes_during_the_run_is_a_504_for_that_client_alone() -> None:
    rig = Rig(Curve(SLOW))
    rig.runtime.gate.clear()
    late, patient = NumbersEntry(1, deadline=105.0), NumbersEntry(2)
    rig.submit(late, patient)
    await rig.runtime.until_entered()
    rig.time = 200.0
    assert await late.code() == "deadline_exceeded"
    rig.runtime.gate.set()
    assert await patient.served()
    assert rig.runtime.stops == 0
    assert rig.failures("deadline_exceeded") == 1
    assert rig.totals()["requests"] == 1


@in_loop
async def test_a_request_that_comes_too_late_is_not_run_at_all() -> None:
    rig = Rig()
    entries = [NumbersEntry(1, deadline=100.0), NumbersEntry(2, deadline=100.001)]
    rig.submit(*entries)
    assert await entries[0].code() == "deadline_exceeded"
    assert await entries[1].served()
    assert rig.runtime.rows == [[2]]


@in_loop
async def test_a_refusal_may_bring_the_clients_next_request() -> None:
    """Pipelined: the refusal of one request may lead its door to submit the next, within the batcher's own loop."""
    rig = Rig(Curve(SLOW))
    first = await rig.busy()
    following = [NumbersEntry(10), NumbersEntry(11)]

    class Pipelined(NumbersEntry):
        def refuse(self, error: ServerError) -> None:
            super().refuse(error)
            rig.submit(following.pop())

    late = [Pipelined(1, deadline=101.0), Pipelined(2, deadline=101.0)]
    more = list(following)
    rig.submit(*late)
    rig.time = 102.0
    assert [await entry.code() for entry in late] == ["deadline_exceeded"] * 2
    rig.runtime.gate.set()
    assert all([await entry.served() for entry in (first, *more)])


@in_loop
async def test_a_request_brought_by_a_refusal_waits_for_the_run_of_the_same_turn() -> None:
    rig = Rig(Curve(SLOW))
    rig.runtime.gate.clear()
    following = NumbersEntry(10)

    class Pipelined(NumbersEntry):
        def refuse(self, error: ServerError) -> None:
            super().refuse(error)
            asyncio.get_running_loop().call_soon(rig.submit, following)
            rig.submit(early)

    early = NumbersEntry(9)
    late, patient = Pipelined(1, deadline=100.0), NumbersEntry(2)
    rig.submit(late, patient)
    await rig.runtime.until_entered()
    await turns()
    assert len(rig.runtime.runs) == 1
    rig.runtime.gate.set()
    assert await late.code() == "deadline_exceeded"
    assert all([await entry.served() for entry in (patient, early, following)])
    assert rig.runtime.rows == [[2, 9], [10]]


@in_loop
async def test_max_wait_keeps_nobody_beyond_the_deadline() -> None:
    rig = Rig(max_wait_seconds=PATIENCE * 2.0)
    entry = NumbersEntry(1, deadline=101.0)
    rig.submit(entry)
    rig.time = 101.0
    assert await entry.code() == "deadline_exceeded"
    rig.batcher.close()
