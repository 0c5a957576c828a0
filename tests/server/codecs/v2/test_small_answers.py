"""Answers that are cut out of a whole batch are those that each request has alone."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise, product
from typing import Any

import numpy as np
import pytest

from server.batching.entry import PiecedAnswer
from server.codecs.slices import finish
from server.codecs.v2.answer import OutputFormat, render, start_of
from server.codecs.v2.outputs import RequestedOutput
from server.codecs.v2.small_answers import SMALL_ITEMS, small_answers

ENDS = (0, 1, 2, 5, 6)


def outputs() -> list[Any]:
    numbers = np.array([[0.1, -0.0, np.nan], [np.inf, 1e300, 5e-324]] * 3)
    texts = np.empty(6, np.object_)
    texts[:] = ["é", '"],["', "", "[", "\\", "a"]
    return [
        numbers,
        numbers[:, 0],
        numbers.astype(np.float32, casting="unsafe").reshape(6, 1, 3),
        np.arange(18).reshape(6, 3).astype(np.float16)[:, ::2],
        np.arange(6, dtype=np.uint8),
        np.array([[True, False]] * 6),
        texts,
        np.stack([texts, texts], axis=1),
    ]


def compared(wanted: Sequence[RequestedOutput], arrays: Sequence[Any]) -> int:
    """Compares all answers of a batch of four requests with their own; how many were cut out."""
    small = small_answers(arrays)
    assert small is not None
    starts, taken = [start_of("m", "1", own) for own in ('%b "', "another")], 0
    for first, end in pairwise(ENDS):
        start = starts[first == 1]
        answer = small.answer(start, wanted, first, end)
        if answer is None:
            continue
        taken += 1
        form = OutputFormat(start, tuple(wanted), {}, None)
        own = finish(render(form, [array[first:end] for array in arrays], True))
        if isinstance(answer, bytes):
            answer = PiecedAnswer([answer], b"application/json", [])
        assert b"".join(answer.pieces) == b"".join(own.pieces)
        assert (answer.media_type, list(answer.headers)) == (own.media_type, list(own.headers))
    return taken


@pytest.mark.parametrize("binary", [False, True])
@pytest.mark.parametrize("at", range(8))
@pytest.mark.filterwarnings("ignore:overflow")
def test_each_answer_is_its_own(at: int, binary: bool) -> None:
    array = outputs()[at]
    wanted = (RequestedOutput("100 %b", binary, 0),)
    assert compared(wanted, [array]) == (0 if binary and array.dtype == np.object_ else 4)


@pytest.mark.filterwarnings("ignore:overflow")
def test_outputs_stand_in_the_order_asked_and_binary_ones_behind_the_json() -> None:
    numbers, column, *_, texts, _ = outputs()
    wanted = (RequestedOutput("a", True, 0), RequestedOutput("b", False, 0), RequestedOutput("c", True, 0))
    assert compared(wanted, [numbers, texts, column]) == 4
    both = (RequestedOutput("a", False, 0), RequestedOutput("a", False, 0))
    assert compared(both, [numbers, texts]) == 4


@pytest.mark.filterwarnings("ignore:overflow")
def test_requests_of_one_batch_that_want_other_things_get_each_their_own() -> None:
    numbers, *_, texts, _ = outputs()
    small = small_answers([numbers, texts])
    assert small is not None
    starts = [start_of("m", "1", own) for own in ("a", "b %b")]
    forms = [tuple(RequestedOutput(name, False, 0) for name in names) for names in ("ab", "%d")]
    for row, start, wanted in product(range(6), starts, forms):
        own = finish(
            render(OutputFormat(start, wanted, {}, None), [numbers[row : row + 1], texts[row : row + 1]], True)
        )
        assert small.answer(start, wanted, row, row + 1) == b"".join(own.pieces)


def test_best_classes_are_not_cut_out() -> None:
    assert compared((RequestedOutput("a", False, 2),), [np.zeros((6, 3))]) == 0


@pytest.mark.parametrize("shape", [(), (0,), (2, 0), (SMALL_ITEMS + 1,)])
def test_outputs_without_rows_of_their_own_or_of_many_values_are_not_cut(shape: tuple[int, ...]) -> None:
    assert small_answers([np.zeros((6, 3)), np.zeros(shape)]) is None
