"""The questions of one version: answered again to the byte, counted, looked for only where that pays."""

from __future__ import annotations

from typing import Any

from server.batching.entry import Entry, PiecedAnswer
from server.caching.cache import MOST_ANSWER_BYTES, Cache
from server.caching.flight import Flight
from server.caching.store import Store
from server.caching.worth import WINDOW, Worth
from tests.support.server.rig import GROUPS, Curve, NumbersEntry, Rig, in_loop, turns

BODY = b'{"features": [1]}'


def cache_of(rig: Rig, most_bytes: int = 1_000_000, ruled: bool | None = True) -> Cache:
    worth = Worth(rig.curve, keeps=True, ruled=ruled)
    return Cache(rig.batcher, Store(most_bytes), worth, timed=True, now=rig.now)


async def asked(rig: Rig, cache: Cache, entry: NumbersEntry, body: bytes | None = None) -> Any:
    """The answer to a question."""
    entry.arrived = rig.time
    cache.ask(entry, body)
    answer = await entry.outcome
    await turns()
    return answer


@in_loop
async def test_a_question_that_comes_again_is_answered_to_the_byte_and_not_run() -> None:
    rig = Rig()
    cache = cache_of(rig)
    first, again, other = NumbersEntry(3), NumbersEntry(3), NumbersEntry(4)
    assert await asked(rig, cache, first) == await asked(rig, cache, again)
    assert await asked(rig, cache, other) != first.outcome.result()
    assert rig.runtime.rows == [[3], [4]]
    assert rig.totals() == {"rows": 2, "runs": 2, "requests": 3}
    assert [entry.timing is not None and entry.timing.hit for entry in (first, again)] == [False, True]


@in_loop
async def test_questions_to_other_groups_and_of_other_forms_are_others() -> None:
    rig = Rig()
    cache = cache_of(rig)
    alone = NumbersEntry(3)
    alone.request = alone.request[0], True
    answers = [
        await asked(rig, cache, entry)
        for entry in (NumbersEntry(3), alone, NumbersEntry(3, group=GROUPS[1]), NumbersEntry(3, 3), NumbersEntry(-0))
    ]
    assert len(set(answers)) == len(answers)
    assert len(rig.runtime.runs) == len(answers)


@in_loop
async def test_a_body_that_comes_a_third_time_is_known_without_being_decoded() -> None:
    rig = Rig()
    cache = cache_of(rig)
    answers = [await asked(rig, cache, NumbersEntry(1), BODY) for _ in range(2)]
    third = NumbersEntry(1)
    third.arrived = rig.time
    assert cache.recall(third, BODY)
    assert third.outcome.result() == answers[0] == answers[1]
    assert not cache.recall(NumbersEntry(1), BODY + b" ")
    await turns()
    assert rig.totals()["requests"] == 3
    assert rig.count('nv_cache_num_hits_per_model{model="m",version="1"}') == 2


@in_loop
async def test_two_versions_share_a_bound_and_no_answer() -> None:
    rigs = Rig(), Rig()
    store = Store(1_000_000)
    caches = [
        Cache(rig.batcher, store, Worth(rig.curve, keeps=True, ruled=True), timed=False, now=rig.now) for rig in rigs
    ]
    for rig, cache in zip(rigs, caches, strict=True):
        await asked(rig, cache, NumbersEntry(1), BODY)
        await asked(rig, cache, NumbersEntry(1), BODY)
    assert [rig.runtime.rows for rig in rigs] == [[[1]], [[1]]]
    assert len(store) == 4


@in_loop
async def test_a_quarantined_version_gives_nothing_again() -> None:
    rig = Rig()
    cache = cache_of(rig)
    for _ in range(2):
        await asked(rig, cache, NumbersEntry(1), BODY)
    for _ in range(3):
        rig.record.strike(rig.time)
    assert not cache.recall(NumbersEntry(1), BODY)
    assert (await asked(rig, cache, NumbersEntry(1))).code == "model_unavailable"


@in_loop
async def test_who_is_too_late_is_refused_though_the_answer_is_there() -> None:
    rig = Rig()
    cache = cache_of(rig)
    for _ in range(2):
        await asked(rig, cache, NumbersEntry(1), BODY)
    assert not cache.recall(NumbersEntry(1, deadline=rig.time), BODY)
    assert (await asked(rig, cache, NumbersEntry(1, deadline=rig.time))).code == "deadline_exceeded"


@in_loop
async def test_a_large_answer_is_not_kept() -> None:
    rig = Rig()
    cache = cache_of(rig, 100_000_000)
    for size, kept in ((MOST_ANSWER_BYTES, 1), (MOST_ANSWER_BYTES + 1, 0)):
        for answer in (bytes(size), PiecedAnswer([bytes(size - 1), b"x"], b"application/json", [])):
            cache._answers.clear()
            cache.landed(Flight(NumbersEntry(1), b"q", cache), answer)
            assert len(cache._answers) == kept


@in_loop
async def test_what_is_kept_of_an_answer_in_pieces_is_its_own() -> None:
    """Pieces are views of a whole batch's outputs, which would stay in memory as long as one answer of it."""
    cache = cache_of(Rig())
    batch = bytearray(b"0123456789")
    pieces: list[bytes | memoryview] = [b"{", memoryview(batch)[2:4], b"}"]
    cache.landed(Flight(NumbersEntry(1), b"q", cache), PiecedAnswer(pieces, b"application/json", []))
    batch[:] = bytes(10)
    assert cache._answers[b"q"].answer.pieces == [b"{23}"]


@in_loop
async def test_a_question_that_is_too_long_to_compare_is_asked_each_time() -> None:
    class Long(NumbersEntry):
        pass

    class Group:
        def __getattr__(self, name: str) -> Any:
            return getattr(GROUPS[0], name)

        def question(self, entry: Entry) -> None:
            return None

    rig = Rig()
    cache = cache_of(rig)
    for _ in range(2):
        entry = Long(1)
        entry.group = Group()
        await asked(rig, cache, entry)
    assert rig.runtime.rows == [[1], [1]]
    await turns()
    assert rig.count('nv_cache_num_misses_per_model{model="m",version="1"}') == 0


@in_loop
async def test_it_rests_where_questions_do_not_return_and_tries_again() -> None:
    rig = Rig(Curve())
    cache = cache_of(rig, ruled=None)
    for number in range(WINDOW):
        await asked(rig, cache, NumbersEntry(number)) if number % 256 == 255 else cache.ask(_arrived(rig, number), None)
    await turns()
    assert not cache.looks
    assert cache.rest == cache.worth.rest > 10 * WINDOW
    cache.rested()
    assert cache.looks


def _arrived(rig: Rig, number: int) -> NumbersEntry:
    entry = NumbersEntry(number)
    entry.arrived = rig.time
    return entry
