"""Cases: the right answers are the pickle's own, in the types the contract promises."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from bench.errors import BenchError
from bench.load.cases import Case, as_table, load_model, make_cases, read_cases, write_cases
from bench.load.models import rows_for


def test_one_row_answers_bare_values(iris: Any) -> None:
    (case,) = make_cases(iris, [[5.1, 3.5, 1.4, 0.2]])
    assert orjson.loads(case.body) == {"features": [5.1, 3.5, 1.4, 0.2]}
    assert case.expected["prediction"] == "setosa"
    assert case.expected["probability"] == pytest.approx(
        iris.predict_proba(as_table(iris, [[5.1, 3.5, 1.4, 0.2]])).max()
    )


def test_many_rows_answer_lists(iris: Any) -> None:
    cases = make_cases(iris, rows_for("iris"), rows_each=50)
    assert len(cases) == 3
    assert [len(case.expected["prediction"]) for case in cases] == [50, 50, 50]
    assert [len(case.expected["probability"]) for case in cases] == [50, 50, 50]


def test_cases_read_back_what_was_written(cases: list[Case], tmp_path: Path) -> None:
    write_cases(cases, tmp_path / "new" / "cases.json")
    assert read_cases(tmp_path / "new" / "cases.json") == cases


def test_no_case_and_no_pickle_are_named(tmp_path: Path) -> None:
    write_cases([], tmp_path / "none.json")
    with pytest.raises(BenchError, match="no case"):
        read_cases(tmp_path / "none.json")
    with pytest.raises(BenchError, match="make models"):
        load_model(tmp_path / "missing.pkl")


EXPECTED: dict[str, Any] = {"prediction": "setosa", "probability": 0.5}


def fault(expected: dict[str, Any], status: int, body: bytes) -> str | None:
    """What is wrong with an answer where this one is expected."""
    return Case("/predict", b"", expected).fault(status, body)


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
