"""The batcher where something goes wrong: runs that do not end, errors of its own, work that comes too late."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from server.artefact.runtime import Feed, Runtime
from server.artefact.tensors import Array
from server.batching.runs.quarantine import STRIKES
from server.batching.runs.watchdog import GRACE_SECONDS
from server.codecs.json.fields import values
from server.codecs.json.group import JsonGroup
from server.errors import ServerError
from tests.support.models.endless_models import ENDLESS, counting
from tests.support.server.rig import GROUPS, LAYOUT, SLOW, Curve, Gated, NumbersEntry, Rig, in_loop, turns, until


@pytest.mark.fault(52)
@in_loop
async def test_a_run_that_nobody_waits_for_is_stopped_and_the_next_is_served() -> None:
    rig = Rig(Curve(SLOW))
    rig.runtime.gate.clear()
    entries = [NumbersEntry(number, deadline=101.0) for number in range(4)]
    rig.submit(*entries)
    await rig.runtime.until_entered()
    rig.time = 101.0
    assert [await entry.code() for entry in entries] == ["deadline_exceeded"] * 4
    after = NumbersEntry(5)
    rig.submit(after)
    assert await after.served()
    assert rig.runtime.rows == [[0, 1, 2, 3], [5]], "what was stopped is not tried again in halves"
    assert rig.count("dynonnx_stopped_runs_total") == 1
    assert rig.failures("deadline_exceeded") == 4


@pytest.mark.fault(52)
@in_loop
async def test_runs_that_outlast_the_deadline_quarantine_the_version() -> None:
    rig = Rig(Curve(SLOW), deadline_seconds=0.125)
    for _ in range(STRIKES):
        first = NumbersEntry(7, deadline=rig.time + 0.125)
        rig.runtime.gate.clear()
        rig.submit(first)
        await rig.runtime.until_entered()
        for _ in range(4):
            rig.time += 0.03125
            await rig.until_looked()
        assert await first.code() == "deadline_exceeded"
        await turns()
    entries = [NumbersEntry(1), NumbersEntry(2)]
    rig.submit(*entries)
    assert [await entry.code() for entry in entries] == ["model_unavailable"] * 2
    with pytest.raises(ServerError, match="quarantined") as caught:
        rig.batcher.check_capacity()
    assert caught.value.code == "model_unavailable"
    assert rig.failures("model_unavailable") == 3
    rig.record.lift()
    rig.batcher.check_capacity()
    after = NumbersEntry(3)
    rig.submit(after)
    assert await after.served()


@in_loop
async def test_a_version_that_another_worker_quarantines_is_refused_here_at_the_next_turn() -> None:
    rig = Rig()
    for _ in range(STRIKES):
        rig.record.strike(100.0)
    entry = NumbersEntry(1)
    rig.submit(entry)
    assert await entry.code() == "model_unavailable"
    assert rig.runtime.runs == []


@pytest.mark.fault(52)
@in_loop
async def test_a_run_that_cannot_be_stopped_is_reported_and_admits_nobody() -> None:
    rig = Rig(Curve(SLOW), deadline_seconds=0.0625)
    rig.runtime.yields = False
    rig.runtime.gate.clear()
    stuck = NumbersEntry(1, deadline=101.0)
    rig.submit(stuck)
    await rig.runtime.until_entered()
    rig.time = 101.0
    assert await stuck.code() == "deadline_exceeded"
    rig.batcher.check_capacity()
    await rig.until_looked()
    rig.time += GRACE_SECONDS
    with pytest.raises(ServerError) as caught:
        rig.batcher.check_capacity()
    assert caught.value.code == "overloaded"
    await until(lambda: rig.reports)
    assert rig.batcher.is_running
    rig.runtime.gate.set()
    after = NumbersEntry(5)
    await until(lambda: not rig.batcher.is_running)
    rig.submit(after)
    assert await after.served()


@pytest.mark.fault(44)
@in_loop
async def test_abandon_refuses_what_runs_and_stops_it() -> None:
    rig = Rig(Curve(SLOW))
    first = await rig.busy()
    waiting = NumbersEntry(1)
    rig.submit(waiting)
    rig.batcher.abandon()
    assert [await entry.code() for entry in (first, waiting)] == ["draining"] * 2
    assert rig.runtime.stops == 1
    await until(lambda: not rig.batcher.is_running)


@pytest.mark.fault(52)
@in_loop
async def test_a_real_loop_of_a_trillion_turns_is_stopped() -> None:
    runtime = Runtime(counting().data)
    rig = Rig(Curve(SLOW), runtime=runtime)
    group = JsonGroup([replace(LAYOUT, dtype=np.dtype(np.float32))], ["Y"], {"y": values(0)}, "1")
    entry = NumbersEntry(1, group=group, deadline=101.0)
    entry.request = (np.array([ENDLESS], np.float32).tobytes(),), False
    rig.submit(entry)
    await turns()
    assert not entry.outcome.done()
    rig.time = 101.0
    assert await entry.code() == "deadline_exceeded"
    await until(lambda: not rig.batcher.is_running)
    assert not runtime.stopped


class Broken(Gated):
    """A runtime that raises what no model raises, where a row says so."""

    def run(self, outputs: Sequence[str], feed: Feed) -> list[Array]:
        if 13 in feed["X"]:
            raise asyncio.CancelledError
        return super().run(outputs, feed)


@pytest.mark.fault(32)
@pytest.mark.parametrize("fixed_seconds", [0.0, SLOW], ids=["inline", "thread"])
@in_loop
async def test_a_cancellation_within_a_batch_costs_that_batch_alone(fixed_seconds: float) -> None:
    rig = Rig(Curve(fixed_seconds), runtime=Broken())
    hit = [NumbersEntry(13), NumbersEntry(1)]
    other = NumbersEntry(2, group=GROUPS[1])
    rig.submit(*hit, other)
    assert [await entry.code() for entry in hit] == ["internal"] * 2
    assert await other.served()
    after = NumbersEntry(3)
    rig.submit(after)
    assert await after.served()
    assert rig.count("dynonnx_batch_errors_total") == 1
    assert rig.failures("internal") == 2
    assert rig.idle


@pytest.mark.fault(32)
@pytest.mark.parametrize("fixed_seconds", [0.0, SLOW], ids=["inline", "thread"])
@in_loop
async def test_an_error_of_the_batcher_itself_costs_that_batch_alone(
    fixed_seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = Rig(Curve(fixed_seconds))
    batch = rig.metrics.batch
    fails = [RuntimeError("lost")]

    def once(*arguments: object) -> None:
        if fails:
            raise fails.pop()
        batch(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(rig.metrics, "batch", once)
    entries = [NumbersEntry(1), NumbersEntry(2)]
    rig.submit(*entries)
    assert [await entry.code() for entry in entries] == ["internal"] * 2
    after = NumbersEntry(3)
    rig.submit(after)
    assert await after.served()
    assert rig.count("dynonnx_batch_errors_total") == 1


@pytest.mark.fault(32)
@in_loop
async def test_an_error_while_a_batch_is_chosen_leaves_nobody_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Rig()
    entries = [NumbersEntry(1), NumbersEntry(2, group=GROUPS[1])]

    def fail() -> None:
        raise RuntimeError("lost")

    with monkeypatch.context() as patched:
        patched.setattr(rig.batcher._queue, "next_batch", fail)
        rig.submit(*entries)
        assert [await entry.code() for entry in entries] == ["internal"] * 2
    after = NumbersEntry(3)
    rig.submit(after)
    assert await after.served()


@in_loop
async def test_a_refusal_that_cannot_be_sent_costs_the_others_nothing() -> None:
    class Gone(NumbersEntry):
        def refuse(self, error: ServerError) -> None:
            raise ConnectionResetError

    rig = Rig(Curve(SLOW))
    first = await rig.busy()
    waiting = [Gone(1, deadline=101.0), NumbersEntry(2, deadline=101.0)]
    rig.submit(*waiting)
    rig.time = 101.0
    assert await waiting[1].code() == "deadline_exceeded"
    rig.runtime.gate.set()
    assert await first.served()


@pytest.mark.fault(31)
@in_loop
async def test_a_request_that_cannot_be_in_time_is_refused_before_it_waits() -> None:
    rig = Rig(Curve(0.1), row_independent=False)
    first = await rig.busy()
    waiting = [NumbersEntry(number) for number in range(3)]
    rig.submit(*waiting)  # 0.4 s of work with the run that goes on, and 0.1 s of its own
    rig.batcher.check_capacity(100.51)
    with pytest.raises(ServerError) as caught:
        rig.batcher.check_capacity(100.49)
    assert (caught.value.code, caught.value.headers) == ("overloaded", {"retry-after": "1"})
    hurried = NumbersEntry(9, deadline=100.49)  # as a v2 request is, whose body says so
    rig.submit(hurried)
    assert await hurried.code() == "overloaded"
    rig.time = 100.05
    rig.batcher.check_capacity(100.51)
    assert rig.failures("overloaded") == 2
    rig.runtime.gate.set()
    assert all([await entry.served() for entry in (first, *waiting)])


@pytest.mark.fault(35)
@in_loop
async def test_requests_whose_heads_passed_together_are_counted_again_when_they_wait() -> None:
    rig = Rig(Curve(0.1), row_independent=False)
    first = await rig.busy()
    entries = [NumbersEntry(number) for number in range(20)]
    for _ in entries:
        rig.batcher.check_capacity()
    rig.submit(*entries)
    refused = [entry for entry in entries if entry.outcome.done()]
    assert len(refused) == 9, "the eleventh finds 1 s of work, which may wait; the twelfth finds more"
    assert [await entry.code() for entry in refused] == ["overloaded"] * 9
    assert rig.failures("overloaded") == 9
    rig.runtime.gate.set()
    assert await first.served()
    assert all([await entry.served() for entry in entries if entry not in refused])


@pytest.mark.fault(11)
@in_loop
async def test_clients_who_have_left_do_not_keep_others_out() -> None:
    rig = Rig(Curve(0.1), row_independent=False)
    first = await rig.busy()
    entries = [NumbersEntry(number) for number in range(11)]
    rig.submit(*entries)
    with pytest.raises(ServerError):
        rig.batcher.check_capacity()
    for entry in entries:
        entry.done = True
    await until(lambda: not rig.batcher._queue.rows)
    rig.batcher.check_capacity()
    rig.runtime.gate.set()
    assert await first.served()


@in_loop
async def test_a_run_whose_rows_do_not_decide_its_cost_is_never_inline() -> None:
    rig = Rig(Curve(0.0), inline=False)
    rig.runtime.gate.clear()
    entry = NumbersEntry(1)
    rig.submit(entry)
    await rig.runtime.until_entered()
    assert rig.batcher.is_running
    rig.runtime.gate.set()
    assert await entry.served()


@pytest.mark.fault(31)
@in_loop
async def test_an_inline_run_that_ends_after_the_deadline_is_a_504() -> None:
    class Sleepy(Gated):
        def run(self, outputs: Sequence[str], feed: Feed) -> list[Array]:
            rig.time = 102.0
            return super().run(outputs, feed)

    rig = Rig(runtime=Sleepy())
    late, patient = NumbersEntry(1, deadline=101.0), NumbersEntry(2)
    rig.submit(late, patient)
    assert await late.code() == "deadline_exceeded"
    assert await patient.served()


@in_loop
async def test_requests_of_many_shapes_are_admitted_for_as_many_runs() -> None:
    """4,000 of them are 2 s of work at 0.5 ms a run, and 1 s may wait."""
    rig = Rig(Curve(0.0005))
    entries = [
        NumbersEntry(number, group=JsonGroup([LAYOUT], ["double"], {"y": values(0)}, "1")) for number in range(4000)
    ]
    rig.submit(*entries)
    assert sum(entry.outcome.done() for entry in entries) == 4000 - 2001
    assert all([await entry.served() for entry in entries[:2001]])
    assert {await entry.code() for entry in entries[2001:]} == {"overloaded"}
    assert len(rig.runtime.runs) == 2001


class Failing(Gated):
    """A runtime of which each run fails after so many seconds of the rig's clock, or only the first one does."""

    seconds = 0.0
    first_alone = False

    def run(self, outputs: Sequence[str], feed: Feed) -> list[Array]:
        self.rig.time += self.seconds
        answers = super().run(outputs, feed)
        if self.first_alone and len(self.runs) > 1:
            return answers
        raise RuntimeError("no")

    rig: Rig


@pytest.mark.parametrize(("seconds", "learned"), [(0.001, [64]), (0.0001, [])], ids=["dear", "cheap"])
@in_loop
async def test_requests_that_fail_one_by_one_do_not_block_the_loop_and_teach_what_they_cost(
    seconds: float, learned: list[int]
) -> None:
    """A thousand requests that all fail are two thousand runs, of which each is an exception."""
    runtime = Failing()
    rig = runtime.rig = Rig(Curve(0.0), runtime=runtime)
    runtime.seconds = seconds
    entries = [NumbersEntry(1) for _ in range(64)]
    rig.submit(*entries)
    await asyncio.sleep(0)
    assert rig.batcher.is_running, "in the thread"
    assert {await entry.code() for entry in entries} == {"model_error"}
    await turns()
    assert len(rig.runtime.runs) == 1 + 2 * 64 - 1
    assert rig.curve.learned == learned  # type: ignore[attr-defined]


@in_loop
async def test_a_batch_that_fails_once_and_not_again_is_no_reason_to_batch_no_more() -> None:
    runtime = Failing()
    rig = runtime.rig = Rig(Curve(0.0), runtime=runtime)
    runtime.first_alone = True
    first, second = NumbersEntry(1), NumbersEntry(2)
    rig.submit(first, second)
    assert await first.served()
    assert await second.served()
    assert rig.batcher._queue.row_independent
