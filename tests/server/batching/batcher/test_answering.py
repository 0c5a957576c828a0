"""Every entry of the batcher gets its own answer, or the guilty one alone an error; numbers and times of it."""

from __future__ import annotations

from collections.abc import Sequence

import orjson
import pytest

from server.artefact.runtime import Feed, Runtime
from server.artefact.tensors import Array
from server.codecs.json.fields import label_lists, values
from server.codecs.json.group import JsonGroup
from server.errors import ServerError
from tests.support.server.models import table_lookup
from tests.support.server.rig import LAYOUT, SLOW, Curve, Gated, NumbersEntry, Rig, in_loop, turns


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
