"""Answers: what counts as right, and what is said of one that is not."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from bench.load.answers import fault

EXPECTED: dict[str, Any] = {"prediction": "setosa", "probability": 0.5}


def test_an_equal_answer_is_right_whatever_else_it_says() -> None:
    assert fault(EXPECTED, 200, orjson.dumps(EXPECTED | {"model_version": "7"})) is None


@pytest.mark.parametrize(
    ("probability", "right"), [(0.500009, True), (0.499991, True), (0.500011, False), (0.51, False)]
)
def test_numbers_may_differ_by_one_in_a_hundred_thousand(probability: float, *, right: bool) -> None:
    body = orjson.dumps(EXPECTED | {"probability": probability})
    assert fault(EXPECTED, 200, body) == (None if right else "wrong answer: probability")


def test_large_numbers_are_compared_relatively() -> None:
    assert fault({"prediction": 15_000.0}, 200, b'{"prediction":15000.1}') is None
    assert fault({"prediction": 15_000.0}, 200, b'{"prediction":15000.2}') == "wrong answer: prediction"


@pytest.mark.parametrize(
    ("expected", "got"),
    [
        (1, "1"),
        (1, True),
        (True, 1),
        ("1", 1),
        (1, 1.0),
        (0.5, "0.5"),
        (1.0, True),
        (0.5, None),
        ([1], 1),
        ([1], [1, 1]),
    ],
)
def test_types_and_lengths_count(expected: object, got: object) -> None:
    assert fault({"prediction": expected}, 200, orjson.dumps({"prediction": got})) == "wrong answer: prediction"


def test_lists_are_compared_in_order() -> None:
    assert fault({"prediction": ["a", "b"]}, 200, b'{"prediction":["a","b"]}') is None
    assert fault({"prediction": ["a", "b"]}, 200, b'{"prediction":["b","a"]}') == "wrong answer: prediction"


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (200, b"<html>", "wrong answer: not JSON"),
        (200, b"[]", "wrong answer: not an object"),
        (200, b'{"prediction":"setosa"}', "wrong answer: no probability"),
        (503, b'{"error":"full","code":"overloaded"}', "http 503 overloaded"),
        (502, b"<html>", "http 502"),
        (500, b"[1]", "http 500"),
        (500, b'{"code":7}', "http 500"),
    ],
)
def test_faults_are_said_in_words_that_can_be_counted(status: int, body: bytes, said: str) -> None:
    assert fault(EXPECTED, status, body) == said
