"""Batches: whatever the sizes, caps, groups and leavers, every row is run once, in order, for its own caller."""

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
from server.batching.batch import Batch, check_rows, deliver, feed_of, next_batch
from server.batching.entry import Entry
from server.codecs.json_columns import JsonGroup, values
from server.errors import ServerError

LAYOUTS = (InputLayout("X", np.dtype(np.float64), (2,)), InputLayout("S", np.dtype(np.object_), (1,)))
GROUPS = tuple(JsonGroup(LAYOUTS, ["y"], {"y": values(0)}, str(number)) for number in range(3))


class Caller(Entry):
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
    """The number of the caller and of the row in one, after a look whether both inputs tell the same."""
    x, s = feed["X"], feed["S"]
    assert [f"{int(number)}/{int(row)}" for number, row in x.tolist()] == s[:, 0].tolist()
    return [(x[:, 0] * 1000 + x[:, 1]).astype(np.int64)]


def serve(queue: deque[Entry], max_rows: int, row_independent: bool = True) -> list[Batch]:
    """Takes, runs and delivers until nothing waits."""
    batches: list[Batch] = []
    while (batch := next_batch(queue, max_rows, row_independent)) is not None:
        outputs = model(feed_of(batch))
        check_rows(outputs, batch.rows)
        deliver(batch, outputs)
        batches.append(batch)
        assert len(batches) <= 1000, "the queue never ends"
    return batches


requests = st.lists(
    st.tuples(st.integers(1, 5), st.sampled_from(GROUPS[:2]), st.booleans(), st.booleans()), min_size=4, max_size=16
)


def callers_of(drawn: Sequence[tuple[int, JsonGroup, bool, bool]]) -> list[Caller]:
    """A caller for each drawn request; the last flag says that it leaves before its batch."""
    callers = [
        Caller(number, 1 if single else rows, group, single) for number, (rows, group, single, _) in enumerate(drawn)
    ]
    for caller, (_, _, _, left) in zip(callers, drawn, strict=True):
        caller.done = left and caller.number % 3 == 0
    return callers


@settings(max_examples=max(500, settings().max_examples))
@given(requests, st.integers(1, 12), st.sampled_from([True, True, True, False]))
def test_every_row_is_served_once_in_order_to_its_own_caller(
    drawn: list[tuple[int, JsonGroup, bool, bool]], max_rows: int, row_independent: bool
) -> None:
    callers = callers_of(drawn)
    left = [caller for caller in callers if caller.done]
    batches = serve(deque(callers), max_rows, row_independent)
    for caller in callers:
        assert caller.answers == ([] if caller in left else [caller.due])
        assert caller.errors == []
    for batch in batches:
        assert batch.rows <= max_rows or not row_independent
        assert batch.rows == sum(entry.rows for entry in batch.entries) or batch.start is not None
        assert len({id(entry.group) for entry in batch.entries}) == 1
        assert len(batch.entries) == 1 or row_independent
        assert not set(map(id, left)) & set(map(id, batch.entries))
    assert sum(batch.rows for batch in batches) == sum(caller.rows for caller in callers if caller not in left)


@given(requests, st.integers(1, 12))
def test_entries_of_one_group_that_fit_are_served_in_the_order_they_came(
    drawn: list[tuple[int, JsonGroup, bool, bool]], max_rows: int
) -> None:
    """A smaller one may slip into a batch before one that does not fit; among equals nobody is overtaken."""
    callers = [Caller(number, 1, group) for number, (_, group, _, _) in enumerate(drawn)]
    order = [entry for batch in serve(deque(callers), max_rows) for entry in batch.entries]
    for group in GROUPS:
        numbers = [caller.number for caller in order if isinstance(caller, Caller) and caller.group is group]
        assert numbers == sorted(numbers)


def numbers_of(batch: Batch | None) -> list[int]:
    """Whose rows are in a batch."""
    assert batch is not None
    return [entry.number for entry in batch.entries if isinstance(entry, Caller)]


def test_an_empty_queue_gives_no_batch() -> None:
    queue: deque[Entry] = deque()
    assert next_batch(queue, 8, row_independent=True) is None
    gone = Caller(0, 1)
    gone.done = True
    queue.append(gone)
    assert next_batch(queue, 8, row_independent=True) is None
    assert not queue


def test_a_batch_is_the_oldest_and_what_fits_after_it() -> None:
    queue: deque[Entry] = deque(Caller(number, rows) for number, rows in enumerate([3, 4, 5, 1, 2]))
    assert numbers_of(next_batch(queue, 8, row_independent=True)) == [0, 1, 3]
    assert numbers_of(next_batch(queue, 8, row_independent=True)) == [2, 4]


def test_groups_do_not_mix_and_keep_their_places() -> None:
    first, other = GROUPS[:2]
    queue: deque[Entry] = deque(
        Caller(number, 1, group) for number, group in enumerate([first, other, first, other, first])
    )
    assert numbers_of(next_batch(queue, 8, row_independent=True)) == [0, 2, 4]
    assert numbers_of(next_batch(queue, 8, row_independent=True)) == [1, 3]


def test_small_requests_pass_between_the_pieces_of_a_large_one() -> None:
    large, small = Caller(0, 10), Caller(1, 1)
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
    large = Caller(0, 10)
    queue: deque[Entry] = deque([large])
    for max_rows, rows in ((3, 3), (1, 1), (100, 6)):
        batch = next_batch(queue, max_rows, row_independent=True)
        assert batch is not None
        assert batch.rows == rows
        deliver(batch, model(feed_of(batch)))
    assert large.answers == [large.due]


def test_the_rest_of_a_large_one_shares_no_run() -> None:
    large, small = Caller(0, 10), Caller(1, 1)
    queue: deque[Entry] = deque([large])
    first = next_batch(queue, 8, row_independent=True)
    assert first is not None
    queue.appendleft(small)
    assert numbers_of(next_batch(queue, 100, row_independent=True)) == [1]
    rest = next_batch(queue, 100, row_independent=True)
    assert rest is not None
    assert (rest.rows, rest.start) == (2, 8)


def test_a_large_one_whose_caller_leaves_during_the_last_piece_gets_nothing() -> None:
    large = Caller(0, 10)
    queue: deque[Entry] = deque([large])
    for _ in range(2):
        batch = next_batch(queue, 5, row_independent=True)
        assert batch is not None
        large.done = not queue
        deliver(batch, model(feed_of(batch)))
    assert large.answers == []


def test_a_batch_is_never_larger_than_it_may_be() -> None:
    queue: deque[Entry] = deque([Caller(0, 3), Caller(1, 2), Caller(2, 1)])
    assert numbers_of(next_batch(queue, 4, row_independent=True)) == [0, 2]


def test_a_large_one_whose_caller_leaves_is_run_no_further() -> None:
    large = Caller(0, 10)
    queue: deque[Entry] = deque([large])
    first = next_batch(queue, 4, row_independent=True)
    assert first is not None
    large.done = True
    deliver(first, model(feed_of(first)))
    assert next_batch(queue, 4, row_independent=True) is None
    assert large.answers == []


def test_a_model_that_mixes_rows_gets_one_whole_request() -> None:
    queue: deque[Entry] = deque([Caller(0, 1), Caller(1, 100), Caller(2, 1)])
    batches = [next_batch(queue, 8, row_independent=False) for _ in range(3)]
    assert [(numbers_of(batch), batch.rows, batch.start) for batch in batches if batch] == [
        ([0], 1, None),
        ([1], 100, None),
        ([2], 1, None),
    ]


def test_a_caller_who_left_while_running_gets_nothing_and_the_others_theirs() -> None:
    for single in (True, False):
        callers = [Caller(number, 1 if single else number + 1, single=single) for number in range(4)]
        batch = next_batch(deque(callers), 100, row_independent=True)
        assert batch is not None
        callers[1].done = True
        deliver(batch, model(feed_of(batch)))
        assert [caller.answers for caller in callers] == [
            [] if caller is callers[1] else [caller.due] for caller in callers
        ]


def test_a_list_of_one_row_is_answered_with_a_list_beside_single_rows() -> None:
    callers = [Caller(0, 1, single=True), Caller(1, 1, single=False), Caller(2, 1, single=True)]
    serve(deque(callers), 100)
    assert [caller.answers for caller in callers] == [[caller.due] for caller in callers]
    assert orjson.loads(callers[1].due)["y"] == [1000]


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
