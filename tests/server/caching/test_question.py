"""What makes two questions one: the bytes that the model reads, no less and no more."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.caching.question import MOST_BYTES, packed
from tests.support.server.rig import GROUPS, NumbersEntry, in_loop

TEXTS = st.lists(st.text(max_size=3), min_size=1, max_size=3)


def test_numbers_are_compared_by_their_bytes() -> None:
    zero, minus_zero = struct.pack("=d", 0.0), struct.pack("=d", -0.0)
    assert packed((zero,)) != packed((minus_zero,))
    assert packed((memoryview(zero),)) == packed((zero,)) == zero


REQUESTS = st.tuples(TEXTS, TEXTS, st.binary(max_size=4))


@given(REQUESTS, REQUESTS)
def test_no_two_requests_of_one_layout_pack_into_the_same(
    first: tuple[list[str], list[str], bytes], second: tuple[list[str], list[str], bytes]
) -> None:
    assert (packed(first) == packed(second)) is (first == second)
    assert (packed(first[:1]) == packed(second[:1])) is (first[:1] == second[:1])


def test_texts_that_are_no_utf8_are_packed_too() -> None:
    assert packed((["\ud800"],)) != packed((["\ud801"],))


@pytest.mark.parametrize("pieces", [(["a", ""], ["a"]), (["ab", "c"], ["a", "bc"]), (["", "a"], ["a", ""])])
def test_texts_are_compared_one_by_one(pieces: tuple[list[str], list[str]]) -> None:
    assert packed(pieces[:1]) != packed(pieces[1:])


def test_what_is_packed_does_not_change_with_what_was_given() -> None:
    given_texts, buffer = ["a"], bytearray(b"ab")
    question = packed((given_texts, memoryview(buffer)))
    given_texts.append("b")
    buffer[0] = 0
    assert question == packed((["a"], b"ab"))


def test_a_long_question_is_none() -> None:
    assert packed((bytes(MOST_BYTES),)) is not None
    assert packed((bytes(MOST_BYTES + 1),)) is None
    assert packed((memoryview(bytes(MOST_BYTES + 1)),)) is None
    assert packed((bytes(MOST_BYTES), b"x")) is None
    assert packed((["x" * MOST_BYTES, "x"],)) is None
    assert packed(([""] * MOST_BYTES,)) is None, "an empty text takes memory too"


@in_loop
async def test_no_group_asks_the_questions_of_another() -> None:
    numbers = [NumbersEntry(1), NumbersEntry(1, group=GROUPS[1])]
    alone = NumbersEntry(1)
    alone.request = alone.request[0], True
    questions = [entry.group.question(entry) for entry in (*numbers, alone)]
    assert len(set(questions)) == len(questions)
    assert all(question is not None and not question.startswith(V2_MARK) for question in questions)


V2_MARK = b"\xff" * 8
