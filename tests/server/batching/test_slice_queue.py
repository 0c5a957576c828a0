"""Long work in slices: in order, a few milliseconds in a turn, and let go when nobody waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from itertools import pairwise

import pytest

from server.batching.entry import Entry
from server.batching.slice_queue import LEARNED_SHARE, SliceQueue, add_in_two
from server.batching.turns import TURN_SECONDS, Turns
from server.errors import ServerError
from tests.support.server.rig import in_loop, turns

SLICE = TURN_SECONDS / 2  # two fill a turn


class Work:
    """Entries of some slices each, a clock that only slices move, and what happened."""

    def __init__(self, max_seconds: float = 1e9) -> None:
        self.time = 0.0
        self.queue = SliceQueue(max_seconds, Turns(lambda: self.time))
        self.done: list[str] = []
        self.told: dict[str, str] = {}

    def slices(self, name: str, count: int, error: Exception | None) -> Generator[None, None, None]:
        """Some slices; after a refusal from outside one more, which lets go."""
        try:
            for _ in range(count):
                self.time += SLICE
                self.done.append(name)
                yield
            if error is not None:
                raise error
        except ServerError:
            self.done.append(f"{name} lets go")
            yield
            raise

    def add(self, name: str, count: int, deadline: float = 1e9, error: Exception | None = None) -> Entry:
        """Queues work."""
        entry = Entry()
        entry.deadline = deadline

        def then(refusal: ServerError | None) -> None:
            assert name not in self.told
            self.told[name] = refusal.code if refusal else "done"

        self.queue.add(entry, self.slices(name, count, error), then)
        return entry


@pytest.mark.parametrize(("count", "closed", "told"), [(0, False, "done"), (3, False, "done"), (3, True, "draining")])
@in_loop
async def test_what_is_more_than_one_slice_goes_on_in_another_queue(count: int, closed: bool, told: str) -> None:
    first, second = Work(), Work()
    if closed:
        second.queue.close()
    answers: list[str] = []
    slices = second.slices("a", count, None) if count else None
    entry = Entry()
    entry.deadline = 1e9

    def then(error: ServerError | None) -> None:
        answers.append(error.code if error else "done")

    add_in_two(first.queue, second.queue, entry, lambda: slices, then)
    for _ in range(4):
        await turns()
    assert answers == [told]
    assert second.done == ([] if closed else ["a"] * count)


@in_loop
async def test_work_is_done_in_order_and_others_have_turns_between() -> None:
    work = Work()
    work.add("a", 5)
    work.add("b", 2)
    assert work.done == ["a", "a"]  # one turn, at once
    seen = []
    while len(work.told) < 2:
        await asyncio.sleep(0)
        seen.append(len(work.done))
    assert all(later - earlier <= 2 for earlier, later in pairwise(seen))
    assert work.done == ["a"] * 5 + ["b"] * 2
    assert work.told == {"a": "done", "b": "done"}
    work.add("c", 1)
    assert work.told["c"] == "done"  # so little needs no second turn


@in_loop
async def test_nobody_waits_for_a_client_that_left_or_a_deadline_that_passed() -> None:
    work = Work()
    left, late = work.add("left", 9), work.add("late", 9, deadline=2 * TURN_SECONDS)
    left.done = True
    await turns()
    await turns()
    assert work.told == {"left": "deadline_exceeded", "late": "deadline_exceeded"}
    assert not late.done  # to tell it is the business of who asked
    assert work.done.count("left lets go") == work.done.count("late lets go") == 1
    assert len(work.done) < 8


@in_loop
async def test_what_fails_is_told_and_the_rest_goes_on() -> None:
    work = Work()
    work.add("refused", 1, error=ServerError("bad_json", "no"))
    work.add("broken", 1, error=KeyError("x"))
    work.add("good", 1)
    await turns()
    assert work.told == {"refused": "bad_json", "broken": "internal", "good": "done"}


@in_loop
async def test_more_work_than_may_wait_is_refused_by_what_was_measured() -> None:
    work = Work(max_seconds=0.02)
    for number in range(10):
        work.add(f"n{number}", 8)
        await turns()
    for number in range(2):
        work.add(f"more{number}", 8)
    with pytest.raises(ServerError, match="more work waits"):
        work.add("too much", 8)


@in_loop
async def test_what_waits_at_the_end_is_refused() -> None:
    work = Work()
    work.add("a", 9)
    work.add("b", 9)
    work.queue.close()
    assert work.told == {"a": "draining", "b": "draining"}
    await turns()
    assert work.done == ["a", "a"]


@in_loop
async def test_exactly_as_much_work_as_may_wait_is_taken_and_no_more() -> None:
    work = Work(max_seconds=SLICE * LEARNED_SHARE)
    work.add("first", 1)  # teaches that one entry takes a share of a slice
    work.add("long", 9)
    work.add("exactly", 1)
    with pytest.raises(ServerError) as caught:
        work.add("too much", 1)
    assert caught.value.code == "overloaded"


@in_loop
async def test_a_deadline_of_this_moment_has_passed() -> None:
    work = Work()
    work.add("now", 1, deadline=0.0)
    await turns()
    assert (work.told, work.done) == ({"now": "deadline_exceeded"}, [])
