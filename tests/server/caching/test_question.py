"""What makes two questions one: the bytes that the model reads, no less and no more."""

from __future__ import annotations

import struct
from sys import getsizeof

from server.caching.question import MOST_BYTES, frozen, size_of


def test_numbers_are_compared_by_their_bytes() -> None:
    zero, minus_zero = struct.pack("=d", 0.0), struct.pack("=d", -0.0)
    assert frozen((zero,)) != frozen((minus_zero,))
    assert frozen((memoryview(zero),)) == frozen((bytearray(zero),)) == frozen((zero,))  # type: ignore[arg-type]


def test_texts_are_compared_one_by_one() -> None:
    assert frozen((["ab", "c"],)) != frozen((["a", "bc"],))
    assert frozen((["a", ""],)) != frozen((["a"],))
    assert frozen((["a"],)) != frozen((b"a",))
    assert frozen((["a"], ["b"])) != frozen((["a", "b"],))


def test_what_is_frozen_does_not_change_with_what_was_given() -> None:
    given = ["a"]
    question = frozen((given,))
    given.append("b")
    assert question == (("a",),)


def test_a_long_question_is_none() -> None:
    assert frozen((bytes(MOST_BYTES),)) is not None
    assert frozen((bytes(MOST_BYTES), b"x")) is None
    assert frozen((["x" * MOST_BYTES, "x"],)) is None
    assert frozen(([""] * (MOST_BYTES + 1),)) is None, "an empty text takes memory too"


def test_size_is_that_of_memory() -> None:
    text = "\U0001f600" * 1000
    assert size_of((text, (b"ab",))) >= getsizeof(text) + getsizeof(b"ab")
    assert size_of(text) >= 4000
