"""One row with many callers: each gets the answer or the error as if it had been alone; none harms another."""

from __future__ import annotations

from weakref import ref

import pytest

from server.batching.entry import PiecedAnswer
from server.caching.cache import Cache
from server.caching.flight import SPARE_CALLERS, TOLD_BYTES, Flight
from server.caching.store import Store
from server.caching.worth import REQUEST_SECONDS, Worth
from tests.support.server.rig import SLOW, Curve, NumbersEntry, Rig, in_loop, turns, until

ENDS = 100.5  # a deadline half a second after the rig's clock begins


def cache_of(rig: Rig, store: Store | None = None) -> Cache:
    return Cache(rig.batcher, store, Worth(rig.curve, keeps=store is not None, ruled=True), timed=False, now=rig.now)


def ask(rig: Rig, cache: Cache, *entries: NumbersEntry) -> None:
    for entry in entries:
        entry.arrived = rig.time
        cache.ask(entry, None)


def flights_of(cache: Cache) -> list[Flight]:
    """Those that are under way."""
    return [flight for kept in cache._flights.values() if (flight := kept()) is not None]


class Thread:
    """A rig whose runs go to the thread and wait there, with a cache."""

    def __init__(self) -> None:
        self.rig = Rig(Curve(SLOW), inline=False)
        self.cache = cache_of(self.rig)
        self.rig.runtime.gate.clear()

    async def fly(self, *entries: NumbersEntry) -> None:
        """Asks, and waits until the run of the first has begun."""
        ask(self.rig, self.cache, *entries)
        await self.rig.runtime.until_entered()


@in_loop
async def test_equal_questions_of_one_turn_are_one_row() -> None:
    rig = Rig()
    entries = [NumbersEntry(number) for number in (1, 2, 1, 1, 2, 3)]
    ask(rig, cache_of(rig), *entries)
    assert all([await entry.served() for entry in entries])
    assert rig.runtime.rows == [[1, 2, 3]]
    await turns()
    assert rig.totals() == {"rows": 3, "runs": 1, "requests": 6}
    assert rig.count('nv_cache_num_hits_per_model{model="m",version="1"}') == 3
    assert rig.count('nv_cache_num_misses_per_model{model="m",version="1"}') == 3


@in_loop
async def test_who_comes_while_the_run_goes_on_joins_it() -> None:
    thread = Thread()
    first, second, other = NumbersEntry(1), NumbersEntry(1), NumbersEntry(2)
    await thread.fly(first)
    ask(thread.rig, thread.cache, second, other)
    thread.rig.runtime.gate.set()
    assert all([await entry.served() for entry in (first, second, other)])
    assert thread.rig.runtime.rows == [[1], [2]]


@in_loop
async def test_an_error_reaches_each_caller_and_is_counted_for_each() -> None:
    rig = Rig()
    bad, good = [NumbersEntry(-1) for _ in range(3)], NumbersEntry(1)
    cache = cache_of(rig, Store(100_000))
    ask(rig, cache, *bad, good)
    assert [await entry.code() for entry in bad] == ["model_error"] * 3
    assert await good.served()
    assert rig.failures("model_error") == 3
    again = NumbersEntry(-1)
    ask(rig, cache, again)
    assert await again.code() == "model_error"
    assert rig.runtime.rows.count([-1]) == 2, "an error is not kept"


@in_loop
async def test_a_caller_that_leaves_harms_no_other() -> None:
    thread = Thread()
    first, second, third = (NumbersEntry(1) for _ in range(3))
    await thread.fly(first, second, third)
    first.done = second.done = True
    await thread.rig.until_looked()
    assert thread.rig.runtime.stops == 0
    thread.rig.runtime.gate.set()
    assert await third.served()
    assert not first.outcome.done()
    assert thread.rig.totals()["requests"] == 1


@in_loop
async def test_a_run_is_stopped_once_all_callers_have_left() -> None:
    thread = Thread()
    entries = [NumbersEntry(1) for _ in range(3)]
    await thread.fly(*entries)
    for entry in entries:
        entry.done = True
    await until(lambda: thread.rig.runtime.stops)


@in_loop
async def test_who_asks_again_after_all_have_left_is_answered() -> None:
    thread = Thread()
    first, again = NumbersEntry(1), NumbersEntry(1)
    await thread.fly(first)
    first.done = True
    ask(thread.rig, thread.cache, again)
    thread.rig.runtime.gate.set()
    assert await again.served()


@in_loop
async def test_who_asks_again_after_it_was_dropped_is_answered() -> None:
    thread = Thread()
    await thread.fly(NumbersEntry(7))
    first, again = NumbersEntry(1), NumbersEntry(1)
    ask(thread.rig, thread.cache, first)
    first.done = True
    thread.rig.runtime.gate.set()
    await until(lambda: thread.rig.idle)
    ask(thread.rig, thread.cache, again)
    assert await again.served()


@in_loop
async def test_an_old_flight_that_lands_takes_no_place_from_a_new_one() -> None:
    cache = cache_of(Rig())
    old, new = (Flight(NumbersEntry(1), b"q", cache) for _ in range(2))
    cache._flights[b"q"] = ref(new)
    cache.landed(old, None)
    assert flights_of(cache) == [new]
    cache.landed(new, None)
    assert cache._flights == {}


@in_loop
async def test_only_those_that_joined_are_told_a_hit() -> None:
    rig = Rig(timed=True)
    entries = [NumbersEntry(1), NumbersEntry(1)]
    ask(rig, cache_of(rig), *entries)
    assert all([await entry.served() for entry in entries])
    assert [entry.timing is not None and (entry.timing.hit, entry.timing.rows) for entry in entries] == [
        (False, 1),
        (True, 1),
    ]


@in_loop
async def test_each_callers_deadline_is_its_own() -> None:
    """The earlier one's first, and then the other way round: the one that joins may have less time."""
    for patient_first in (False, True):
        thread = Thread()
        hasty, patient = NumbersEntry(1, deadline=ENDS), NumbersEntry(1, deadline=ENDS + 100)
        await thread.fly(*((patient, hasty) if patient_first else (hasty, patient)))
        thread.rig.time = ENDS + 0.01
        (flight,) = flights_of(thread.cache)
        flight._expire()  # its timer is the loop's, whose clock is not the test's
        assert await hasty.code() == "deadline_exceeded"
        assert thread.rig.failures("deadline_exceeded") == 1
        await thread.rig.until_looked()
        thread.rig.runtime.gate.set()
        assert await patient.served()
        assert thread.rig.runtime.stops == 0
        assert thread.rig.runtime.rows == [[1]]


@in_loop
async def test_the_timer_is_for_the_earliest_of_several_deadlines() -> None:
    thread = Thread()
    await thread.fly(NumbersEntry(1, deadline=ENDS + 100))
    (flight,) = flights_of(thread.cache)
    assert flight._watch is None, "the only one's is the batcher's"
    ask(thread.rig, thread.cache, NumbersEntry(1, deadline=ENDS + 50))
    assert flight._watched == ENDS + 50
    ask(thread.rig, thread.cache, NumbersEntry(1, deadline=ENDS))
    assert flight._watched == ENDS
    ask(thread.rig, thread.cache, NumbersEntry(1, deadline=ENDS + 200))
    assert flight._watched == ENDS
    assert flight.deadline == ENDS + 200
    thread.rig.runtime.gate.set()
    await turns()


@in_loop
async def test_deadlines_of_one_that_waits_are_kept_too() -> None:
    """In the queue, behind another's run: the flight waits on for its patient caller."""
    thread = Thread()
    await thread.fly(NumbersEntry(7))
    hasty, patient = NumbersEntry(1, deadline=ENDS), NumbersEntry(1, deadline=ENDS + 100)
    ask(thread.rig, thread.cache, hasty)
    assert thread.rig.batcher._queue.count_runs() == 1, "it has its place, and its deadline is noted"
    ask(thread.rig, thread.cache, patient)
    thread.rig.time = ENDS + 0.01
    await thread.rig.until_looked()
    assert not patient.outcome.done()
    flight = next(flight for flight in flights_of(thread.cache) if len(flight._callers) > 1)
    flight._expire()
    assert await hasty.code() == "deadline_exceeded"
    thread.rig.time = ENDS + 100.01
    await thread.rig.until_looked()
    assert await patient.code() == "deadline_exceeded"
    assert thread.rig.failures("deadline_exceeded") == 2
    thread.rig.runtime.gate.set()


@in_loop
async def test_nobody_new_keeps_a_run_going_that_has_outlasted_the_first_deadline() -> None:
    thread = Thread()
    await thread.fly(NumbersEntry(1, deadline=ENDS), NumbersEntry(1, deadline=ENDS + 100))
    thread.rig.time = ENDS
    late = NumbersEntry(1)
    ask(thread.rig, thread.cache, late)
    thread.rig.runtime.gate.set()
    assert await late.served()
    assert thread.rig.runtime.rows == [[1], [1]]


@in_loop
async def test_what_is_refused_at_the_end_is_told_to_all() -> None:
    thread = Thread()
    entries = [NumbersEntry(1) for _ in range(3)]
    await thread.fly(*entries)
    thread.rig.batcher.abandon()
    assert [await entry.code() for entry in entries] == ["draining"] * 3


@in_loop
async def test_a_caller_that_cannot_be_told_costs_no_other(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(NumbersEntry):
        def answer(self, body: bytes) -> None:
            raise RuntimeError("broken pipe")

    rig = Rig()
    entries = [Broken(1), NumbersEntry(1)]
    ask(rig, cache_of(rig), *entries)
    assert await entries[1].served()
    assert await entries[0].code() == "internal"
    assert "an answer could not be given" in caplog.text


@in_loop
async def test_those_that_have_left_are_let_go() -> None:
    thread = Thread()
    stays = NumbersEntry(1)
    await thread.fly(stays)
    (flight,) = flights_of(thread.cache)
    for _ in range(10 * SPARE_CALLERS):
        leaves = NumbersEntry(1)
        ask(thread.rig, thread.cache, leaves)
        leaves.done = True
        assert len(flight._callers) <= SPARE_CALLERS + 2
    thread.rig.runtime.gate.set()
    assert await stays.served()


@in_loop
async def test_flights_that_all_have_left_are_let_go_with_all_they_hold() -> None:
    """As soon as batching does: what a client's body takes must not be counted until somebody else asks."""
    thread = Thread()
    await thread.fly(NumbersEntry(0))
    left: list[ref[NumbersEntry]] = []
    for number in range(1, 50):
        leaves = NumbersEntry(number)
        ask(thread.rig, thread.cache, leaves)
        leaves.done = True
        left.append(ref(leaves))
    del leaves
    thread.rig.runtime.gate.set()
    await until(lambda: thread.rig.idle)
    assert [entry() for entry in left if entry() is not None] == []
    assert thread.cache._flights == {}


@in_loop
async def test_a_flight_that_is_let_go_takes_no_place_from_a_new_one() -> None:
    cache = cache_of(Rig())
    old, new = (Flight(NumbersEntry(1), b"q", cache) for _ in range(2))
    cache._flights[b"q"] = ref(new)
    del old
    assert flights_of(cache) == [new]


@in_loop
async def test_a_large_answer_is_told_to_some_callers_at_a_time() -> None:
    """Counted: bytes of one turn of the loop."""
    rig = Rig()
    entries = [NumbersEntry(1) for _ in range(10)]
    flight = Flight(entries[0], b"q", cache_of(rig))
    for entry in entries[1:]:
        flight.join(entry)
    flight.done = True
    flight.answer_in_pieces(PiecedAnswer([bytes(TOLD_BYTES // 2)], b"application/json", []))
    told = [sum(entry.outcome.done() for entry in entries)]
    while told[-1] < len(entries):
        await turns()
        told.append(sum(entry.outcome.done() for entry in entries))
    assert told[0] == 2
    assert len(told) >= 2


def pending(rig: Rig) -> float:
    return rig.count('nv_inference_pending_request_count{model="m",version="1"}')


@in_loop
async def test_those_who_joined_are_pending_until_they_are_answered() -> None:
    thread = Thread()
    entries = [NumbersEntry(1) for _ in range(5)]
    await thread.fly(entries[0])
    assert pending(thread.rig) == 1
    ask(thread.rig, thread.cache, *entries[1:])
    assert pending(thread.rig) == 5
    assert thread.cache.queue_seconds() == 4 * REQUEST_SECONDS
    thread.rig.runtime.gate.set()
    assert all([await entry.served() for entry in entries])
    assert pending(thread.rig) == thread.cache.queue_seconds() == 0


@in_loop
async def test_those_who_joined_and_were_refused_or_have_left_are_not_pending() -> None:
    thread = Thread()
    early, late, left = NumbersEntry(1, deadline=ENDS), NumbersEntry(1, deadline=ENDS + 60), NumbersEntry(1)
    await thread.fly(late)
    ask(thread.rig, thread.cache, early, left)
    assert pending(thread.rig) == 3
    (flight,) = flights_of(thread.cache)
    left.done = True
    thread.rig.time = ENDS + 1
    flight._expire()
    assert await early.code() == "deadline_exceeded"
    assert pending(thread.rig) == 1
    thread.rig.runtime.gate.set()
    assert await late.served()
    del flight
    assert pending(thread.rig) == thread.cache.queue_seconds() == 0


@in_loop
async def test_joined_ones_of_an_error_are_not_pending() -> None:
    rig = Rig()
    cache = cache_of(rig)
    bad = [NumbersEntry(-1) for _ in range(3)]
    ask(rig, cache, *bad)
    assert [await entry.code() for entry in bad] == ["model_error"] * 3
    await turns()
    assert pending(rig) == cache.queue_seconds() == 0
