"""The queue: whatever sizes, caps, groups and disconnects, every row is run once, in order, for its own entry."""

from __future__ import annotations

from collections.abc import Sequence

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.batching.batch import Batch, check_rows, feed_of
from server.batching.entry import Entry
from server.batching.queue import Queue
from server.codecs.json.group import JsonGroup
from tests.support.server.rows import GROUPS, NumbersEntry, answer, model


def queue_of(*entries: Entry, max_rows: int, row_independent: bool = True) -> Queue:
    """A queue in which these wait."""
    queue = Queue(row_independent, max_rows)
    for entry in entries:
        queue.append(entry)
    return queue


def serve(queue: Queue) -> list[Batch]:
    """Runs and delivers batches until the queue is empty."""
    batches: list[Batch] = []
    while (batch := queue.next_batch()) is not None:
        outputs = model(feed_of(batch))
        check_rows(outputs, batch.rows)
        answer(batch, outputs)
        batches.append(batch)
        assert len(batches) <= 1000, "the queue never ends"
    return batches


requests = st.lists(
    st.tuples(st.integers(1, 5), st.sampled_from(GROUPS[:2]), st.booleans(), st.booleans()), min_size=4, max_size=16
)


def entries_of(drawn: Sequence[tuple[int, JsonGroup, bool, bool]]) -> list[NumbersEntry]:
    """An entry for each drawn request; the last flag says that its client disconnects before its batch."""
    entries = [
        NumbersEntry(number, 1 if single else rows, group, single)
        for number, (rows, group, single, _) in enumerate(drawn)
    ]
    for entry, (_, _, _, left) in zip(entries, drawn, strict=True):
        entry.done = left and entry.number % 3 == 0
    return entries


@settings(max_examples=max(500, settings().max_examples))
@given(requests, st.integers(1, 12), st.sampled_from([True, True, True, False]))
def test_every_row_is_served_once_in_order_to_its_own_entry(
    drawn: list[tuple[int, JsonGroup, bool, bool]], max_rows: int, row_independent: bool
) -> None:
    entries = entries_of(drawn)
    left = [entry for entry in entries if entry.done]
    batches = serve(queue_of(*entries, max_rows=max_rows, row_independent=row_independent))
    for entry in entries:
        assert entry.answers == ([] if entry in left else [entry.due])
        assert entry.errors == []
    for batch in batches:
        assert batch.rows <= max_rows or not row_independent
        assert batch.rows == sum(entry.rows for entry in batch.entries) or batch.start is not None
        assert len({id(entry.group) for entry in batch.entries}) == 1
        assert len(batch.entries) == 1 or row_independent
        assert not set(map(id, left)) & set(map(id, batch.entries))
    assert sum(batch.rows for batch in batches) == sum(entry.rows for entry in entries if entry not in left)


@given(requests, st.integers(1, 12))
def test_entries_of_one_group_that_fit_are_served_in_the_order_they_came(
    drawn: list[tuple[int, JsonGroup, bool, bool]], max_rows: int
) -> None:
    """Large ones are served in pieces, which let others pass."""
    entries = [NumbersEntry(number, min(rows, max_rows), group) for number, (rows, group, _, _) in enumerate(drawn)]
    order = [entry for batch in serve(queue_of(*entries, max_rows=max_rows)) for entry in batch.entries]
    for group in GROUPS:
        numbers = [entry.number for entry in order if isinstance(entry, NumbersEntry) and entry.group is group]
        assert numbers == sorted(numbers)


def numbers_of(batch: Batch | None) -> list[int]:
    """Whose rows are in a batch."""
    assert batch is not None
    return [entry.number for entry in batch.entries if isinstance(entry, NumbersEntry)]


def test_an_empty_queue_gives_no_batch() -> None:
    queue = queue_of(max_rows=8)
    assert queue.next_batch() is None
    gone = NumbersEntry(0, 1)
    gone.done = True
    queue.append(gone)
    assert queue.next_batch() is None
    assert not len(queue)
    assert (queue.rows, queue.count_runs()) == (0, 0)


def test_a_batch_is_the_oldest_and_those_after_it_that_fit() -> None:
    queue = queue_of(*(NumbersEntry(number, rows) for number, rows in enumerate([3, 4, 5, 1, 2])), max_rows=8)
    assert numbers_of(queue.next_batch()) == [0, 1]
    assert numbers_of(queue.next_batch()) == [2, 3, 4]


def test_groups_do_not_mix_and_keep_their_places() -> None:
    first, other = GROUPS[:2]
    entries = (NumbersEntry(number, 1, group) for number, group in enumerate([first, other, first, other, first]))
    queue = queue_of(*entries, max_rows=8)
    assert numbers_of(queue.next_batch()) == [0, 2, 4]
    assert numbers_of(queue.next_batch()) == [1, 3]


def test_small_requests_pass_between_the_pieces_of_a_large_one() -> None:
    large, small = NumbersEntry(0, 10), NumbersEntry(1, 1)
    batches = serve(queue_of(large, small, max_rows=4))
    assert [(numbers_of(batch), batch.rows, batch.start) for batch in batches] == [
        ([0], 4, 0),
        ([1], 1, None),
        ([0], 4, 4),
        ([0], 2, 8),
    ]
    assert (large.answers, small.answers) == ([large.due], [small.due])


def test_a_large_one_is_whole_even_if_the_cap_changes_meanwhile() -> None:
    large = NumbersEntry(0, 10)
    queue = queue_of(large, max_rows=3)
    for max_rows, rows in ((3, 3), (1, 1), (100, 6)):
        queue.max_rows = max_rows
        batch = queue.next_batch()
        assert batch is not None
        assert batch.rows == rows
        answer(batch, model(feed_of(batch)))
    assert large.answers == [large.due]


def test_the_rest_of_a_large_one_shares_no_run() -> None:
    large, small = NumbersEntry(0, 10), NumbersEntry(1, 1)
    queue = queue_of(large, small, max_rows=8)
    assert numbers_of(queue.next_batch()) == [0]
    queue.max_rows = 100
    assert numbers_of(queue.next_batch()) == [1]
    rest = queue.next_batch()
    assert rest is not None
    assert (rest.rows, rest.start) == (2, 8)


def test_a_large_one_whose_client_leaves_during_the_last_piece_gets_nothing() -> None:
    large = NumbersEntry(0, 10)
    queue = queue_of(large, max_rows=5)
    for _ in range(2):
        batch = queue.next_batch()
        assert batch is not None
        large.done = not len(queue)
        answer(batch, model(feed_of(batch)))
    assert large.answers == []


def test_a_batch_is_never_larger_than_it_may_be() -> None:
    queue = queue_of(NumbersEntry(0, 3), NumbersEntry(1, 2), NumbersEntry(2, 1), max_rows=4)
    assert numbers_of(queue.next_batch()) == [0]
    assert numbers_of(queue.next_batch()) == [1, 2]


def test_a_large_one_whose_client_leaves_is_run_no_further() -> None:
    large = NumbersEntry(0, 10)
    queue = queue_of(large, max_rows=4)
    first = queue.next_batch()
    assert first is not None
    large.done = True
    answer(first, model(feed_of(first)))
    assert queue.next_batch() is None
    assert large.answers == []


def test_a_model_that_mixes_rows_gets_one_whole_request() -> None:
    entries = (NumbersEntry(0, 1), NumbersEntry(1, 100), NumbersEntry(2, 1))
    queue = queue_of(*entries, max_rows=8, row_independent=False)
    batches = [queue.next_batch() for _ in range(3)]
    assert [(numbers_of(batch), batch.rows, batch.start) for batch in batches if batch] == [
        ([0], 1, None),
        ([1], 100, None),
        ([2], 1, None),
    ]


@pytest.mark.fault(12)
def test_a_client_who_left_while_running_gets_nothing_and_the_others_theirs() -> None:
    for single in (True, False):
        entries = [NumbersEntry(number, 1 if single else number + 1, single=single) for number in range(4)]
        batch = queue_of(*entries, max_rows=100).next_batch()
        assert batch is not None
        entries[1].done = True
        answer(batch, model(feed_of(batch)))
        assert [entry.answers for entry in entries] == [[] if entry is entries[1] else [entry.due] for entry in entries]


def test_a_list_of_one_row_is_answered_with_a_list_beside_single_rows() -> None:
    entries = [NumbersEntry(0, 1, single=True), NumbersEntry(1, 1, single=False), NumbersEntry(2, 1, single=True)]
    serve(queue_of(*entries, max_rows=100))
    assert [entry.answers for entry in entries] == [[entry.due] for entry in entries]
    assert orjson.loads(entries[1].due)["y"] == [1000]


def test_a_group_whose_oldest_has_left_waits_behind_those_older_than_its_next() -> None:
    gone, other, younger = NumbersEntry(0, 1, GROUPS[0]), NumbersEntry(1, 1, GROUPS[1]), NumbersEntry(2, 1, GROUPS[0])
    queue = queue_of(gone, other, younger, max_rows=8)
    assert queue.count_runs() == 2
    gone.done = True
    assert numbers_of(queue.next_batch()) == [1]
    assert numbers_of(queue.next_batch()) == [2]


def test_what_a_wider_run_leaves_over_still_counts_as_a_run() -> None:
    queue = queue_of(*(NumbersEntry(number, 2) for number in range(8)), max_rows=4)
    assert queue.count_runs() == 4
    queue.max_rows = 6
    assert numbers_of(queue.next_batch()) == [0, 1, 2]
    assert queue.count_runs() == 3  # the fourth was to share a run with the third
    for left in (1, 0):
        assert queue.next_batch() is not None
        assert queue.count_runs() >= left
    assert (queue.count_runs(), queue.rows) == (0, 0)


def test_deadlines_of_what_is_served_are_not_kept() -> None:
    queue = queue_of(max_rows=2)
    for number in range(2000):
        queue.append(NumbersEntry(number, 1, GROUPS[number % 2]))
        if number % 2 and number > 8:
            queue.next_batch()
    assert len(queue) < 16
    assert len(queue._deadlines) < 100


def test_few_that_are_served_are_held_while_some_wait() -> None:
    """Each may hold a body of megabytes, which counts until it is let go."""
    queue = queue_of(*(NumbersEntry(number, 2, GROUPS[0]) for number in range(3)), max_rows=2)
    for number in range(3, 200):
        queue.append(NumbersEntry(number, 2, GROUPS[0]))
        assert queue.next_batch() is not None
        assert len(queue._deadlines) <= 12


def test_what_runs_already_is_not_late_among_what_waits() -> None:
    entries = [NumbersEntry(number, 2, GROUPS[0]) for number in range(3)]
    queue = queue_of(*entries, max_rows=2)
    batch = queue.next_batch()
    assert batch is not None
    assert batch.entries == entries[:1]
    assert queue.pop_late(max(entry.deadline for entry in entries)) == entries[1:]
