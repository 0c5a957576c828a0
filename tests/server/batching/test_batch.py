"""Batches: whatever the sizes, caps, groups and disconnects, every row is run once, in order, for its own entry."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.artefact.runtime import Feed
from server.artefact.tensors import Array, InputLayout
from server.batching.batch import Batch, check_rows, deliver, feed_of, next_batch, shares, whole_answers
from server.batching.entry import Entry
from server.codecs.json_columns import JsonGroup, values
from server.errors import ServerError

LAYOUTS = (InputLayout("X", np.dtype(np.float64), (2,)), InputLayout("S", np.dtype(np.object_), (1,)))
GROUPS = tuple(JsonGroup(LAYOUTS, ["y"], {"y": values(0)}, str(number)) for number in range(3))


class NumbersEntry(Entry):
    """A request whose rows hold its own number and theirs, so that a row in the wrong place shows."""

    def __init__(self, number: int, rows: int, group: JsonGroup = GROUPS[0], single: bool = False) -> None:
        own = [[float(number), float(row)] for row in range(rows)]
        self.number = number
        self.group = group
        self.request = ((np.array(own).tobytes(), [f"{number}/{row}" for row in range(rows)]), single)
        self.rows = rows
        self.single = single
        self.deadline = 0.0
        self.arrived = 0.0
        self.answers: list[bytes] = []
        self.errors: list[ServerError] = []

    def answer(self, body: bytes) -> None:
        self.answers.append(body)

    def refuse(self, error: ServerError) -> None:
        self.errors.append(error)

    @property
    def due(self) -> bytes:
        """The one answer it must get."""
        values = [self.number * 1000 + row for row in range(self.rows)]
        body = {"y": values[0] if self.single else values, "model_version": GROUPS.index(self.group)}
        return orjson.dumps({"y": body["y"], "model_version": str(body["model_version"])})


def model(feed: Feed) -> list[Array]:
    """The numbers of entry and row in one value, after a check that both inputs have the same."""
    x, s = feed["X"], feed["S"]
    assert [f"{int(number)}/{int(row)}" for number, row in x.tolist()] == s[:, 0].tolist()
    return [(x[:, 0] * 1000 + x[:, 1]).astype(np.int64)]


def answer(batch: Batch, outputs: Sequence[Array]) -> None:
    """Answers what is complete."""
    if (answers := whole_answers(batch, outputs)) is not None:
        deliver(*answers)


def serve(queue: deque[Entry], max_rows: int, row_independent: bool = True) -> list[Batch]:
    """Runs and delivers batches until the queue is empty."""
    batches: list[Batch] = []
    while (batch := next_batch(queue, max_rows, row_independent)) is not None:
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
    batches = serve(deque(entries), max_rows, row_independent)
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
    """A smaller entry may join a batch before one that does not fit; entries of one size keep their order."""
    entries = [NumbersEntry(number, 1, group) for number, (_, group, _, _) in enumerate(drawn)]
    order = [entry for batch in serve(deque(entries), max_rows) for entry in batch.entries]
    for group in GROUPS:
        numbers = [entry.number for entry in order if isinstance(entry, NumbersEntry) and entry.group is group]
        assert numbers == sorted(numbers)


def numbers_of(batch: Batch | None) -> list[int]:
    """Whose rows are in a batch."""
    assert batch is not None
    return [entry.number for entry in batch.entries if isinstance(entry, NumbersEntry)]


def test_an_empty_queue_gives_no_batch() -> None:
    queue: deque[Entry] = deque()
    assert next_batch(queue, 8, row_independent=True) is None
    gone = NumbersEntry(0, 1)
    gone.done = True
    queue.append(gone)
    assert next_batch(queue, 8, row_independent=True) is None
    assert not queue


def test_a_batch_is_the_oldest_and_what_fits_after_it() -> None:
    queue: deque[Entry] = deque(NumbersEntry(number, rows) for number, rows in enumerate([3, 4, 5, 1, 2]))
    assert numbers_of(next_batch(queue, 8, row_independent=True)) == [0, 1, 3]
    assert numbers_of(next_batch(queue, 8, row_independent=True)) == [2, 4]


def test_groups_do_not_mix_and_keep_their_places() -> None:
    first, other = GROUPS[:2]
    queue: deque[Entry] = deque(
        NumbersEntry(number, 1, group) for number, group in enumerate([first, other, first, other, first])
    )
    assert numbers_of(next_batch(queue, 8, row_independent=True)) == [0, 2, 4]
    assert numbers_of(next_batch(queue, 8, row_independent=True)) == [1, 3]


def test_small_requests_pass_between_the_pieces_of_a_large_one() -> None:
    large, small = NumbersEntry(0, 10), NumbersEntry(1, 1)
    queue: deque[Entry] = deque([large, small])
    batches = serve(queue, 4)
    assert [(numbers_of(batch), batch.rows, batch.start) for batch in batches] == [
        ([0], 4, 0),
        ([1], 1, None),
        ([0], 4, 4),
        ([0], 2, 8),
    ]
    assert (large.answers, small.answers) == ([large.due], [small.due])


def test_a_large_one_is_whole_even_if_the_cap_changes_meanwhile() -> None:
    large = NumbersEntry(0, 10)
    queue: deque[Entry] = deque([large])
    for max_rows, rows in ((3, 3), (1, 1), (100, 6)):
        batch = next_batch(queue, max_rows, row_independent=True)
        assert batch is not None
        assert batch.rows == rows
        answer(batch, model(feed_of(batch)))
    assert large.answers == [large.due]


def test_the_rest_of_a_large_one_shares_no_run() -> None:
    large, small = NumbersEntry(0, 10), NumbersEntry(1, 1)
    queue: deque[Entry] = deque([large])
    first = next_batch(queue, 8, row_independent=True)
    assert first is not None
    queue.appendleft(small)
    assert numbers_of(next_batch(queue, 100, row_independent=True)) == [1]
    rest = next_batch(queue, 100, row_independent=True)
    assert rest is not None
    assert (rest.rows, rest.start) == (2, 8)


def test_a_large_one_whose_client_leaves_during_the_last_piece_gets_nothing() -> None:
    large = NumbersEntry(0, 10)
    queue: deque[Entry] = deque([large])
    for _ in range(2):
        batch = next_batch(queue, 5, row_independent=True)
        assert batch is not None
        large.done = not queue
        answer(batch, model(feed_of(batch)))
    assert large.answers == []


def test_a_batch_is_never_larger_than_it_may_be() -> None:
    queue: deque[Entry] = deque([NumbersEntry(0, 3), NumbersEntry(1, 2), NumbersEntry(2, 1)])
    assert numbers_of(next_batch(queue, 4, row_independent=True)) == [0, 2]


def test_a_large_one_whose_client_leaves_is_run_no_further() -> None:
    large = NumbersEntry(0, 10)
    queue: deque[Entry] = deque([large])
    first = next_batch(queue, 4, row_independent=True)
    assert first is not None
    large.done = True
    answer(first, model(feed_of(first)))
    assert next_batch(queue, 4, row_independent=True) is None
    assert large.answers == []


def test_a_model_that_mixes_rows_gets_one_whole_request() -> None:
    queue: deque[Entry] = deque([NumbersEntry(0, 1), NumbersEntry(1, 100), NumbersEntry(2, 1)])
    batches = [next_batch(queue, 8, row_independent=False) for _ in range(3)]
    assert [(numbers_of(batch), batch.rows, batch.start) for batch in batches if batch] == [
        ([0], 1, None),
        ([1], 100, None),
        ([2], 1, None),
    ]


def test_a_client_who_left_while_running_gets_nothing_and_the_others_theirs() -> None:
    for single in (True, False):
        entries = [NumbersEntry(number, 1 if single else number + 1, single=single) for number in range(4)]
        batch = next_batch(deque(entries), 100, row_independent=True)
        assert batch is not None
        entries[1].done = True
        answer(batch, model(feed_of(batch)))
        assert [entry.answers for entry in entries] == [[] if entry is entries[1] else [entry.due] for entry in entries]


def test_a_list_of_one_row_is_answered_with_a_list_beside_single_rows() -> None:
    entries = [NumbersEntry(0, 1, single=True), NumbersEntry(1, 1, single=False), NumbersEntry(2, 1, single=True)]
    serve(deque(entries), 100)
    assert [entry.answers for entry in entries] == [[entry.due] for entry in entries]
    assert orjson.loads(entries[1].due)["y"] == [1000]


@pytest.mark.parametrize(
    "outputs",
    [
        [np.zeros(3)],
        [np.zeros(5)],
        [np.zeros((4, 2)), np.zeros((1, 4))],
        [np.float64(1.0)],
        [np.array(1.0)],
        [[1.0, 2.0, 3.0, 4.0]],
        [{"a": 1}],
    ],
)
def test_outputs_without_one_answer_for_each_row_are_refused(outputs: list[object]) -> None:
    with pytest.raises(ServerError) as caught:
        check_rows(outputs, 4)
    assert caught.value.code == "model_error"
    assert "4 rows" in str(caught.value)


def test_outputs_with_one_answer_for_each_row_pass() -> None:
    check_rows([np.zeros(4), np.zeros((4, 2)), np.zeros((4, 0))], 4)


@given(st.lists(st.integers(1, 5), min_size=1, max_size=12), st.integers(0, 9))
def test_shares_have_their_own_rows_and_few_of_them(rows: list[int], most: int) -> None:
    batch = Batch([NumbersEntry(number, count) for number, count in enumerate(rows)], sum(rows))
    outputs = [np.arange(batch.rows).reshape(-1, 1)]
    cut = list(shares(batch, outputs, most))
    assert [entry for share, _ in cut for entry in share.entries] == batch.entries
    assert np.concatenate([own[0] for _, own in cut]).tolist() == outputs[0].tolist()
    for share, own in cut:
        assert share.rows == sum(entry.rows for entry in share.entries) == len(own[0])
        assert share.rows <= most or len(share.entries) == 1
