"""The batcher: which entries share a run and when; every entry gets its own answer, or an error."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.artefact.runtime import Feed, Runtime
from server.artefact.tensors import Array
from server.batching.batcher import BUSY_POLL_SECONDS, LEARN_EVERY
from server.codecs.json_columns import JsonGroup, label_lists, values
from server.errors import ServerError
from tests.support.server.models import table_lookup
from tests.support.server.rig import GROUPS, LAYOUT, PATIENCE, SLOW, Curve, Gated, NumbersEntry, Rig, in_loop, turns


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


@pytest.mark.fault(26)
@pytest.mark.parametrize("fixed_seconds", [0.0, SLOW])
@in_loop
async def test_of_a_run_that_fails_only_the_guilty_get_the_error(fixed_seconds: float) -> None:
    rig = Rig(Curve(fixed_seconds))
    entries = [NumbersEntry(number) if number not in (3, 17) else NumbersEntry(1, -number) for number in range(32)]
    rig.submit(*entries)
    for number, entry in enumerate(entries):
        if number in (3, 17):
            assert await entry.code() == "model_error"
        else:
            assert await entry.served()
    assert rig.failures("model_error") == 2
    assert rig.totals()["requests"] == 30
    assert rig.curve.learned == [], "a run that was repeated in halves says nothing of cost"  # type: ignore[attr-defined]
    after = NumbersEntry(1)
    rig.submit(after)
    assert await after.served()


@pytest.mark.fault(26)
@in_loop
async def test_one_bad_row_among_31_good_in_a_real_session() -> None:
    runtime = Runtime(table_lookup().data)
    group = JsonGroup([LAYOUT], ["Y"], {"y": values(0)}, "1")
    rig = Rig(runtime=runtime)
    entries = [NumbersEntry(number if number != 20 else 10**6, group=group) for number in range(32)]
    rig.submit(*entries)
    await turns()
    for number, entry in enumerate(entries):
        body = await entry.outcome
        if number == 20:
            assert isinstance(body, ServerError)
            assert body.code == "model_error"
            assert "1000000" not in str(body)
        else:
            assert not isinstance(body, ServerError)
            assert orjson.loads(body)["y"] == [number * 1.5]


class Short(Gated):
    """A model that loses a row whenever it gets more than one."""

    def run(self, outputs: Sequence[str], feed: Feed) -> list[Array]:
        (answers,) = super().run(outputs, feed)
        return [answers[: max(1, len(answers) - 1)]]


@pytest.mark.fault(30)
@in_loop
async def test_a_model_that_gives_too_few_rows_shifts_nobodys_answer() -> None:
    rig = Rig(runtime=Short())
    alone = [NumbersEntry(number) for number in range(4)]
    several = NumbersEntry(5, 6, 7)
    rig.submit(*alone, several)
    assert all([await entry.served() for entry in alone])
    assert await several.code() == "model_error"


@pytest.mark.fault(27)
@in_loop
async def test_a_batch_that_fails_without_a_guilty_request_was_the_last() -> None:
    rig = Rig(runtime=Short())
    first = [NumbersEntry(number) for number in range(4)]
    rig.submit(*first)
    assert all([await entry.served() for entry in first])
    assert len(rig.runtime.runs) == 8, "four, in the thread again, twice two, four times one"
    after = [NumbersEntry(number) for number in range(4)]
    rig.submit(*after)
    assert all([await entry.served() for entry in after])
    assert rig.runtime.rows[8:] == [[0], [1], [2], [3]]


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
    rig.time = 105.0
    assert await late.code() == "deadline_exceeded"
    rig.runtime.gate.set()
    assert await patient.served()
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
async def test_max_wait_keeps_nobody_beyond_the_deadline() -> None:
    rig = Rig(max_wait_seconds=PATIENCE * 2.0)
    entry = NumbersEntry(1, deadline=101.0)
    rig.submit(entry)
    rig.time = 101.0
    assert await entry.code() == "deadline_exceeded"
    rig.batcher.close()


@in_loop
async def test_a_client_that_cannot_take_its_answer_costs_the_others_nothing() -> None:
    rig = Rig()
    entries = [NumbersEntry(number) for number in range(6)]
    entries[2].outcome.set_result(b"")  # so that a second result raises
    rig.submit(*entries)
    assert all([await entry.served() for entry in entries if entry is not entries[2]])
    after = NumbersEntry(1)
    rig.submit(after)
    assert await after.served()


@pytest.mark.fault(32)
@in_loop
async def test_an_answer_that_cannot_be_made_is_an_error_and_not_the_end() -> None:
    rig = Rig()
    broken = JsonGroup([LAYOUT], ["double"], {"y": values(5)}, "1")  # there is no sixth output
    entries = [NumbersEntry(1, group=broken), NumbersEntry(2, group=broken), NumbersEntry(3)]
    rig.submit(*entries)
    assert [await entry.code() for entry in entries[:2]] == ["internal"] * 2
    assert await entries[2].served()
    assert rig.failures("internal") == 2


@in_loop
async def test_an_answer_that_cannot_be_made_fails_none_of_the_others_in_its_run() -> None:
    table = JsonGroup([LAYOUT], ["double"], {"y": label_lists(0, [range(0, 10, 2)])}, "1")  # 8 is the last class
    rig = Rig(runtime=Columns())
    entries = [NumbersEntry(number, group=table) for number in (1, 3, 7, 4, 9)]
    rig.submit(*entries)
    outcomes = [await entry.outcome for entry in entries]
    assert len(rig.runtime.runs) == 1
    bodies = [orjson.loads(body)["y"] for body in outcomes if isinstance(body, bytes)]
    assert bodies == [[[2]], [[6]], [[8]]]
    assert [await entries[at].code() for at in (2, 4)] == ["internal"] * 2
    assert rig.failures("internal") == 2


class Columns(Gated):
    """Answers with a column per row."""

    def run(self, outputs: Sequence[str], feed: Feed) -> list[Array]:
        return [super().run(outputs, feed)[0].reshape(-1, 1)]


@in_loop
async def test_large_answers_leave_turns_to_others_and_say_the_same() -> None:
    rig = Rig(max_batch_rows=100_000)
    entries = [NumbersEntry(*range(rows)) for rows in (40_000, 3, 9_000, 9_000)]
    rig.submit(*entries)
    assert all([await entry.served() for entry in entries])
    assert len(rig.runtime.runs) == 1


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


@in_loop
async def test_times_are_told_where_asked() -> None:
    rig = Rig(Curve(SLOW), timed=True)
    first = await rig.busy()
    entry = NumbersEntry(1, 2)
    rig.submit(entry)
    rig.time += 0.5
    rig.runtime.gate.set()
    assert await first.served()
    assert await entry.served()
    assert entry.timing is not None
    assert entry.timing.queue == 0.5
    assert entry.timing.rows == 2
    assert entry.timing.ended == rig.time
    assert rig.count("nv_inference_queue_duration_us{") == pytest.approx(0.5e6)
    plain = Rig()
    untimed = NumbersEntry(1)
    plain.submit(untimed)
    assert await untimed.served()
    assert untimed.timing is None


@in_loop
async def test_pending_is_what_waits_or_runs() -> None:
    rig = Rig(Curve(SLOW))
    first = await rig.busy()
    assert rig.count("nv_inference_pending_request_count{") == 1
    rig.runtime.gate.set()
    assert await first.served()
    await turns()
    assert rig.count("nv_inference_pending_request_count{") == 0


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
