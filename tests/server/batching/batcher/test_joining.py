"""Which entries share a run of the batcher and when it begins; large requests; the loop kept awake."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.batching.dispatch import BUSY_POLL_SECONDS
from server.batching.learning import LEARN_EVERY
from server.codecs.json.group import JsonGroup
from tests.support.server.rig import GROUPS, PATIENCE, SLOW, Curve, NumbersEntry, Rig, in_loop, turns


@in_loop
async def test_a_lone_request_is_answered_at_the_end_of_its_turn() -> None:
    rig = Rig()
    entry = NumbersEntry(3)
    rig.submit(entry)
    assert not entry.outcome.done()
    await asyncio.sleep(0)
    assert await entry.served()
    assert rig.idle
    assert rig.dispatched("turn") == 1


@in_loop
async def test_what_arrives_in_one_turn_is_one_run() -> None:
    rig = Rig()
    entries = [NumbersEntry(number, number + 1) for number in range(20)]
    rig.submit(*entries)
    assert all([await entry.served() for entry in entries])
    assert len(rig.runtime.runs) == 1
    assert rig.totals() == {"rows": 40, "runs": 1, "requests": 20}


@in_loop
async def test_what_arrives_while_a_run_is_in_its_thread_is_the_next_run() -> None:
    rig = Rig(Curve(SLOW))
    first = await rig.busy()
    later = [NumbersEntry(number) for number in range(5)]
    for entry in later:
        rig.submit(entry)
        await turns()
    assert not any(entry.outcome.done() for entry in later)
    rig.runtime.gate.set()
    assert all([await entry.served() for entry in (first, *later)])
    assert rig.runtime.rows == [[7], [0, 1, 2, 3, 4]]
    assert (rig.dispatched("turn"), rig.dispatched("slot")) == (1, 1)


@pytest.mark.fault(11)
@in_loop
async def test_a_neighbour_who_leaves_while_queued_is_not_run() -> None:
    rig = Rig(Curve(SLOW))
    first = await rig.busy()
    entries = [NumbersEntry(number) for number in range(4)]
    rig.submit(*entries)
    entries[2].done = True
    rig.runtime.gate.set()
    assert await first.served()
    assert all([await entry.served() for entry in entries if entry is not entries[2]])
    assert rig.runtime.rows == [[7], [0, 1, 3]]
    assert not entries[2].outcome.done()
    assert rig.totals()["requests"] == 4


@pytest.mark.fault(12)
@in_loop
async def test_a_neighbour_who_leaves_while_running_is_let_go() -> None:
    rig = Rig(Curve(SLOW))
    rig.runtime.gate.clear()
    entries = [NumbersEntry(number) for number in range(4)]
    rig.submit(*entries)
    await rig.runtime.until_entered()
    entries[1].done = True
    entries[1].outcome.cancel()
    rig.runtime.gate.set()
    assert all([await entry.served() for entry in entries if entry is not entries[1]])
    assert rig.totals()["requests"] == 3
    assert rig.idle


@in_loop
async def test_groups_do_not_mix() -> None:
    rig = Rig()
    entries = [NumbersEntry(number, group=GROUPS[number % 2]) for number in range(10)]
    rig.submit(*entries)
    assert all([await entry.served() for entry in entries])
    assert rig.runtime.runs == [("double", [0, 2, 4, 6, 8]), ("square", [1, 3, 5, 7, 9])]


@pytest.mark.fault(28)
@in_loop
async def test_a_large_request_is_split_and_put_together_and_lets_small_ones_pass() -> None:
    rig = Rig(max_batch_rows=4)
    large, small = NumbersEntry(*range(10)), NumbersEntry(50)
    rig.submit(large, small)
    assert await large.served()
    assert await small.served()
    assert rig.runtime.rows == [[0, 1, 2, 3], [50], [4, 5, 6, 7], [8, 9]]
    assert rig.totals() == {"rows": 11, "runs": 4, "requests": 2}
    assert rig.dispatched("full") == 2


@in_loop
async def test_a_large_request_that_fails_in_one_piece_fails_once_and_runs_no_further() -> None:
    rig = Rig(max_batch_rows=2)
    large, small = NumbersEntry(1, 2, -3, 4, 5, 6), NumbersEntry(9)
    rig.submit(large, small)
    assert await small.served()
    assert await large.code() == "model_error"
    await turns()
    assert rig.runtime.rows == [[1, 2], [9], [-3, 4]]
    assert rig.idle
    assert rig.totals()["requests"] == 1


@in_loop
async def test_the_curve_caps_the_rows_of_a_run() -> None:
    rig = Rig(Curve(0.0, 0.01))  # a run may take 25 ms: two rows
    entries = [NumbersEntry(number) for number in range(5)]
    rig.submit(*entries)
    assert all([await entry.served() for entry in entries])
    assert rig.runtime.rows == [[0, 1], [2, 3], [4]]


@in_loop
async def test_requests_that_must_not_share_a_run_do_not() -> None:
    rig = Rig(row_independent=False, max_batch_rows=4)
    entries = [NumbersEntry(1), NumbersEntry(2), NumbersEntry(*range(10)), NumbersEntry(3)]
    rig.submit(*entries)
    assert all([await entry.served() for entry in entries])
    assert rig.runtime.rows == [[1], [2], list(range(10)), [3]]


@in_loop
async def test_max_wait_gathers_over_many_turns() -> None:
    rig = Rig(max_wait_seconds=0.05)
    entries = [NumbersEntry(number) for number in range(3)]
    for entry in entries:
        rig.submit(entry)
        await turns()
    assert rig.runtime.runs == []
    assert all([await entry.served() for entry in entries])
    assert rig.runtime.rows == [[0, 1, 2]]
    assert rig.dispatched("wait") == 1


@in_loop
async def test_max_wait_does_not_keep_a_full_batch() -> None:
    rig = Rig(max_wait_seconds=PATIENCE * 2.0, max_batch_rows=4)
    entries = [NumbersEntry(number) for number in range(4)]
    rig.submit(*entries)
    assert all([await entry.served() for entry in entries])
    assert rig.dispatched("full") == 1


@in_loop
async def test_the_curve_learns_from_runs() -> None:
    curve = Curve(SLOW)
    rig = Rig(curve)
    first = await rig.busy()
    rig.time += SLOW
    rig.runtime.gate.set()
    assert await first.served()
    assert curve.learned == [first.rows]
    for _ in range(LEARN_EVERY):
        rig.submit(NumbersEntry(1, 2), last := NumbersEntry(3))
        assert await last.served()
    assert 3 in curve.learned, "of short ones, every few"


@given(
    st.lists(
        st.tuples(
            st.lists(st.integers(-1, 1000), min_size=1, max_size=6),
            st.sampled_from(GROUPS),
            st.sampled_from(["turn", "leave", "gate", "stay", "stay"]),
        ),
        max_size=25,
    ),
    st.integers(1, 8),
    st.sampled_from([0.0, SLOW]),
    st.booleans(),
)
def test_whatever_happens_everybody_gets_his_own(
    script: list[tuple[list[int], JsonGroup, str]], max_rows: int, fixed_seconds: float, row_independent: bool
) -> None:
    """Sizes, groups, bad rows, leavers, a gate that opens and shuts: an answer is right, an error its own fault."""

    async def play() -> None:
        rig = Rig(Curve(fixed_seconds), max_batch_rows=max_rows, row_independent=row_independent)
        entries = []
        for numbers, group, then in script:
            entry = NumbersEntry(*numbers, group=group)
            entries.append(entry)
            rig.submit(entry)
            if then == "turn":
                await asyncio.sleep(0)
            elif then == "leave":
                entry.done = True
                entry.outcome.cancel()
            elif then == "gate" and fixed_seconds:
                (rig.runtime.gate.clear if rig.runtime.gate.is_set() else rig.runtime.gate.set)()
        rig.runtime.gate.set()
        for entry in entries:
            if entry.outcome.cancelled():
                continue
            if min(entry.numbers) < 0:
                assert await entry.code() == "model_error"
            else:
                assert await entry.served()
        rig.batcher.close()

    asyncio.run(asyncio.wait_for(play(), PATIENCE))


async def _looks_while_idle(rig: Rig) -> int:
    before = rig.looked
    await turns()
    return rig.looked - before


@in_loop
async def test_the_loop_stays_awake_a_moment_where_requests_follow_at_once() -> None:
    rig = Rig(busy_poll=True)
    for _ in range(2):
        rig.submit(entry := NumbersEntry(1))
        assert await entry.served()
    assert await _looks_while_idle(rig) > 0
    rig.time += BUSY_POLL_SECONDS
    await turns()
    assert await _looks_while_idle(rig) == 0, "and then it sleeps"


@in_loop
async def test_the_loop_sleeps_at_once_where_they_do_not_follow_or_a_core_is_shared() -> None:
    for rig, gap in ((Rig(busy_poll=True), BUSY_POLL_SECONDS), (Rig(), 0.0)):
        for _ in range(2):
            rig.time += gap
            rig.submit(entry := NumbersEntry(1))
            assert await entry.served()
        assert await _looks_while_idle(rig) == 0


@in_loop
async def test_a_request_that_comes_while_the_loop_is_kept_awake_is_served_as_ever() -> None:
    rig = Rig(Curve(SLOW), busy_poll=True)
    for number in range(5):
        rig.submit(entry := NumbersEntry(number))
        assert await entry.served()
        rig.time += BUSY_POLL_SECONDS / 2
    assert rig.runtime.rows == [[0], [1], [2], [3], [4]]


@in_loop
async def test_a_batcher_has_few_enough_attributes_to_be_fast() -> None:
    assert len(vars(Rig().batcher)) < 30
