"""The queue against a simple model of it, and how much work it makes of many groups."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from server.batching.entry import Entry
from server.batching.queue import SPARE_DEADLINES, Queue
from server.codecs.json.group import JsonGroup
from server.errors import ServerError
from tests.support.server.rows import GROUPS, LAYOUTS, NumbersEntry

MAX_ROWS = 8


class QueueRules(RuleBasedStateMachine):
    """What waits is kept in a plain list, in the order it came; a piece sends its entry to the end."""

    def __init__(self) -> None:
        super().__init__()
        self.queue = Queue(True, MAX_ROWS)
        self.waiting: list[NumbersEntry] = []
        self.number = 0
        self.now = 0.0
        self.left = False  # some have left since nothing waited

    @rule(rows=st.integers(1, 20), group=st.sampled_from(GROUPS), patience=st.integers(1, 5))
    def append(self, rows: int, group: JsonGroup, patience: int) -> None:
        entry = NumbersEntry(self.number, rows, group)
        entry.deadline = self.now + patience
        self.number += 1
        self.waiting.append(entry)
        self.queue.append(entry)

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        data.draw(st.sampled_from(self.waiting)).done = True
        self.left = True

    @rule()
    def pass_time(self) -> None:
        self.now += 1.0
        late = self.queue.pop_late(self.now)
        due = [entry for entry in self.waiting if entry.deadline <= self.now and not entry.done]
        assert sorted(map(id, late)) == sorted(map(id, due))
        for entry in late:
            entry.done = self.left = True
        assert self.queue.next_deadline > self.now

    @rule()
    def forget(self) -> None:
        self.queue.forget_done()
        assert self.queue.rows == sum(entry.rows - entry.dispatched_rows for entry in self.alive)

    @property
    def alive(self) -> list[NumbersEntry]:
        return [entry for entry in self.waiting if not entry.done]

    @rule()
    def take(self) -> None:
        self.waiting = self.alive
        batch = self.queue.next_batch()
        if not self.waiting:
            assert batch is None
            return
        assert batch is not None
        first = self.waiting[0]
        if first.rows > MAX_ROWS:
            assert batch.entries == [first]
            assert batch.start == first.dispatched_rows - batch.rows
            self.waiting.remove(first)
            if first.dispatched_rows < first.rows:
                self.waiting.append(first)
            return
        expected, rows = [], 0
        for entry in (entry for entry in self.waiting if entry.group is first.group and entry.rows <= MAX_ROWS):
            if rows + entry.rows > MAX_ROWS:
                break
            expected.append(entry)
            rows += entry.rows
        assert batch.entries == expected
        assert (batch.rows, batch.start) == (rows, None)
        self.waiting = [entry for entry in self.waiting if entry not in expected]

    @rule()
    def serve_all(self) -> None:
        planned = [self.queue.count_runs()]
        while self.queue.next_batch() is not None:
            planned.append(self.queue.count_runs())
        runs = range(len(planned) - 1, -1, -1)  # after each batch, those that were still to be made
        if self.left:
            assert all(made <= plan for made, plan in zip(runs, planned, strict=True))
        else:
            assert planned == list(runs)
        self.waiting = []
        self.left = False
        assert self.is_empty

    @rule()
    def clear(self) -> None:
        assert [entry for entry in self.queue.clear() if not entry.done] == self.alive
        self.waiting = []
        self.left = False
        assert self.is_empty

    @property
    def is_empty(self) -> bool:
        """Whether nothing is left behind: no count, and no lane of a group that a client made up."""
        queue = self.queue
        return (queue.rows, queue.count_runs(), len(queue), len(queue._lane_of), len(queue._lanes)) == (0,) * 5

    @invariant()
    def counts(self) -> None:
        rows = sum(entry.rows - entry.dispatched_rows for entry in self.alive)
        assert self.queue.rows >= rows
        assert len(self.queue) >= len(self.alive)
        assert self.queue.next_deadline <= min([entry.deadline for entry in self.alive], default=float("inf"))
        assert len(self.queue._deadlines) <= 2 * len(self.queue) + SPARE_DEADLINES + 1


TestQueueRules = QueueRules.TestCase


def test_a_run_is_counted_until_the_last_of_it_has_left() -> None:
    queue = Queue(True, MAX_ROWS)
    entries = [NumbersEntry(number, 4, GROUPS[0]) for number in range(4)]
    for entry, deadline in zip(entries, (1.0, 9.0, 1.0, 2.0), strict=True):
        entry.deadline = deadline
        queue.append(entry)
    assert queue.count_runs() == 2
    assert queue.pop_late(1.0) == [entries[0], entries[2]]
    assert (queue.count_runs(), queue.rows) == (2, 8)
    assert queue.pop_late(2.0) == [entries[3]]
    assert (queue.count_runs(), queue.rows) == (1, 4)


def test_a_request_without_rows_has_a_deadline_while_it_waits() -> None:
    queue = Queue(True, MAX_ROWS)
    entry = NumbersEntry(0, 0, GROUPS[0])
    entry.deadline = 1.0
    queue.append(entry)
    assert queue.count_runs() == 1
    assert queue.pop_late(1.0) == [entry]
    assert queue.count_runs() == 0


class Counted(Entry):
    """An entry that counts how often the queue looks whether it is done."""

    looks = 0

    def __init__(self, group: Any, rows: int, deadline: float) -> None:
        self.group, self.rows, self.deadline = group, rows, deadline

    @property
    def done(self) -> bool:  # type: ignore[override]
        Counted.looks += 1
        return False

    def refuse(self, error: ServerError) -> None:
        return


def drain(queue: Queue) -> None:
    while queue.next_batch() is not None:
        queue.count_runs()


def expire(queue: Queue) -> None:
    for now in range(1000):
        queue.pop_late(float(now))


def many_groups(number: int) -> JsonGroup:
    return JsonGroup(LAYOUTS, ["y"], {}, str(number))


SHAPES: dict[str, Callable[[int], tuple[Any, int]]] = {
    "a group each": lambda number: (many_groups(number), 1),
    "two groups in turn": lambda number: (GROUPS[number % 2], 1),
    "none fits beside another": lambda number: (GROUPS[0], 5),
    "large and small": lambda number: (GROUPS[0], 17 if number % 2 else 1),
}


@pytest.mark.parametrize("work", [drain, expire])
@pytest.mark.parametrize("shape", SHAPES)
def test_work_grows_with_the_queue_and_not_with_its_square(shape: str, work: Callable[[Queue], None]) -> None:
    looks = []
    for size in (500, 1000, 2000):
        queue = Queue(True, MAX_ROWS)
        for number in range(size):
            queue.append(Counted(*SHAPES[shape](number), deadline=float(number * 7919 % 1000)))
        Counted.looks = 0
        work(queue)
        looks.append(Counted.looks / size)
    assert max(looks) <= 12
    assert looks[2] <= looks[0] * 1.2
