"""One budget a turn: what several queues of long work take together before the loop has its own turn."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from server.batching.entry import Entry
from server.batching.slice_queue import SliceQueue, Slices
from server.batching.turns import SHARE_SECONDS, TURN_SECONDS, Turns
from server.http.turn_queue import TurnQueue
from tests.support.server.rig import in_loop


class Work:
    """A clock that only work moves, and a queue of ``seconds`` of it, done in steps."""

    def __init__(self, clock: list[float], seconds: float, step: float = SHARE_SECONDS / 4) -> None:
        self.clock, self.seconds, self.step = clock, seconds, step
        self.done = 0.0

    def work_on(self, until: float) -> bool:
        while self.seconds > 0 and self.clock[0] < until:
            self.clock[0] += self.step
            self.seconds -= self.step
            self.done += self.step
        return self.seconds > 0

    def slices(self) -> Slices:
        """The same work as slices."""
        while self.seconds > 0:
            self.work_on(self.clock[0] + self.step / 2)
            yield


async def spent_each_turn(clock: list[float], turns: int) -> list[float]:
    """The seconds of work in each of some turns of the loop."""
    spent = []
    for _ in range(turns):
        before = clock[0]
        await asyncio.sleep(0)
        spent.append(clock[0] - before)
    return spent


@in_loop
async def test_queues_take_turns_and_together_no_longer_than_one() -> None:
    clock = [0.0]
    turns = Turns(lambda: clock[0])
    queues = [Work(clock, 1.0) for _ in range(20)]
    for queue in queues:
        turns.begin(queue)
    assert clock[0] < 1.1 * TURN_SECONDS, "only so much is begun at once"
    spent = await spent_each_turn(clock, 40)
    assert max(spent) < TURN_SECONDS + 2 * SHARE_SECONDS
    assert sum(spent) > 30 * TURN_SECONDS
    done = [queue.done for queue in queues[1:]]
    assert max(done) - min(done) < 2 * SHARE_SECONDS


@in_loop
async def test_slices_shares_and_parsing_add_up_to_one_budget() -> None:
    clock = [0.0]
    turns = Turns(lambda: clock[0])
    for _ in range(10):
        SliceQueue(1e9, turns).add(an_entry(), Work(clock, 1.0).slices(), lambda error: None)
    parsing = TurnQueue(turns)
    for _ in range(10):
        if parsing.idle:
            parsing.begin(Work(clock, 1.0).work_on)
        else:
            parsing.add(Work(clock, 1.0).work_on)
    assert clock[0] < 1.1 * TURN_SECONDS
    assert max(await spent_each_turn(clock, 40)) < TURN_SECONDS + 2 * SHARE_SECONDS


@in_loop
async def test_many_small_pieces_begun_in_one_turn_wait_once_it_is_over() -> None:
    clock = [0.0]
    turns = Turns(lambda: clock[0])
    bodies = SliceQueue(1e9, turns)
    for _ in range(100):
        bodies.add(an_entry(), Work(clock, SHARE_SECONDS).slices(), lambda error: None)
    assert clock[0] < TURN_SECONDS + 2 * SHARE_SECONDS
    spent = await spent_each_turn(clock, 40)
    assert max(spent) < TURN_SECONDS + 2 * SHARE_SECONDS
    assert clock[0] > 99 * SHARE_SECONDS


@in_loop
async def test_what_waits_goes_on_however_much_is_begun_at_once() -> None:
    clock = [0.0]
    turns = Turns(lambda: clock[0])
    waiting = Work(clock, 1.0)
    turns.begin(waiting)
    before = waiting.done
    for _ in range(20):
        turns.begin(Work(clock, 1.0))
        await asyncio.sleep(0)
    assert waiting.done > before


@in_loop
async def test_a_turn_that_is_over_gives_the_next_its_time() -> None:
    clock = [0.0]
    turns = Turns(lambda: clock[0])
    turns.begin(Work(clock, TURN_SECONDS))
    assert turns.left <= 0
    await asyncio.sleep(0)
    assert turns.left == TURN_SECONDS


def an_entry() -> Entry:
    """An entry that is in no hurry."""
    entry = Entry()
    entry.deadline = 1e9
    return entry


@in_loop
async def test_an_error_with_one_request_holds_up_none_that_follow() -> None:
    """Told so by who waits for it: as where a run has taken all memory meanwhile."""
    turns = Turns()
    queue, told = SliceQueue(1e9, turns), list[str]()

    def slices() -> Slices:
        yield from [None] * 3

    def tell(name: str) -> Callable[[object], None]:
        def then(error: object) -> None:
            told.append(name)
            if name == "fails":
                raise MemoryError

        return then

    turns.spend(TURN_SECONDS)  # so that all of them wait
    for name in ("fails", "second", "third"):
        queue.add(an_entry(), slices(), tell(name))
    for _ in range(5):
        await asyncio.sleep(0)
    assert told == ["fails", "second", "third"]
    with contextlib.suppress(MemoryError):
        queue.add(an_entry(), slices(), tell("fails"))  # begun at once
    queue.add(an_entry(), slices(), tell("last"))
    for _ in range(5):
        await asyncio.sleep(0)
    assert told[3:] == ["fails", "last"]
