"""Whose deadline has passed is refused, as it waits or runs; others are not."""

from __future__ import annotations

from server.batching.deadlines import CHECK_SECONDS
from tests.support.server.rig import SLOW, Curve, NumbersEntry, Rig, in_loop, until


@in_loop
async def test_the_late_are_refused_and_the_others_wait_on() -> None:
    rig = Rig(Curve(SLOW))
    rig.runtime.yields = False  # or the next might have run before we look
    running = await rig.busy()
    running.deadline = rig.time + 0.5
    late, early = NumbersEntry(1, deadline=rig.time + 0.5), NumbersEntry(2, deadline=rig.time + 5.0)
    rig.submit(late, early)
    await rig.until_looked()
    assert not late.done
    rig.time += 0.5
    await rig.until_looked()
    assert (late.done, running.done, early.done) == (True, True, False)
    rig.runtime.gate.set()
    assert await early.served()
    assert [await entry.code() for entry in (running, late)] == ["deadline_exceeded"] * 2


@in_loop
async def test_where_nothing_runs_nobody_looks() -> None:
    rig = Rig(Curve(SLOW))
    entry = NumbersEntry(1)
    rig.submit(entry)
    assert await entry.served()
    deadlines = rig.batcher._deadlines
    await until(lambda: deadlines._timer is None)
    assert CHECK_SECONDS > 0
