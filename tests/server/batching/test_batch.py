"""A batch: outputs that are no answer for each row are refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.batching.batch import Batch, check_rows, decode_seconds_of, shares
from server.errors import ServerError
from tests.support.server.rows import NumbersEntry


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


def test_entries_that_fill_a_share_exactly_are_in_it() -> None:
    batch = Batch([NumbersEntry(number, 2) for number in range(4)], 8)
    assert [share.rows for share, _ in shares(batch, [np.zeros((8, 1))], 4)] == [4, 4]


def test_a_large_entry_was_decoded_with_its_first_piece() -> None:
    entry = NumbersEntry(1, 5)
    entry.decode_seconds = 0.25
    pieces = [Batch([entry], 2, start) for start in (0, 2, 4)]
    assert [decode_seconds_of(piece) for piece in pieces] == [0.25, 0.0, 0.0]
    assert decode_seconds_of(Batch([entry, entry], 10)) == 0.5
