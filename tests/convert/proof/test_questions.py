"""Of rows that the original refuses it is asked in halves, but not for ever."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.preprocessing import FunctionTransformer

from convert.errors import Refused
from convert.original.original import Original, open_original
from convert.original.schema import describe
from convert.original.table import length
from convert.proof.questions import ask_few_rows, ask_proof_rows

X = np.random.default_rng(0).normal(size=(60, 2))


def picky(refused: Callable[[Any], Any]) -> tuple[Original, list[int]]:
    """A model that raises where ``refused`` is true of any row, and how many rows it was asked each time."""
    asked: list[int] = []

    def answer(x: Any) -> Any:
        asked.append(len(x))
        if np.any(refused(np.asarray(x, np.float64))):
            raise ValueError("too\nlarge")
        return x

    return open_original(FunctionTransformer(answer).fit(X)), asked


def test_one_that_refuses_half_of_all_rows_is_asked_little_and_refused_with_its_own_words() -> None:
    original, asked = picky(lambda x: np.sin((x[:, 0] + x[:, 1]) * 1e4 + 1) > 0)
    features = describe(original)
    asked.clear()
    with pytest.raises(Refused, match="hardly any of the rows made up from it: ValueError: too large"):
        ask_proof_rows(original, features, None)
    assert len(asked) < 2000  # 10,000 rows in four groups, of which it takes half, one by one


def test_one_that_refuses_each_hundredth_row_is_asked_for_more() -> None:
    original, _ = picky(lambda x: np.sin((x[:, 0] + x[:, 1]) * 1e4 + 1) > np.cos(np.pi / 100))
    groups, expected = ask_proof_rows(original, describe(original), None)
    assert sum(map(length, groups.values())) >= 10_000
    assert {name: len(next(iter(answers.values()))) for name, answers in expected.items()} == {
        name: length(table) for name, table in groups.items()
    }


def test_one_that_refuses_whatever_it_is_asked_says_why() -> None:
    original, asked = picky(lambda x: np.abs(x) < 0)
    features = describe(original)
    original, asked = picky(lambda x: np.abs(x) >= 0)
    with pytest.raises(Refused, match="ValueError: too large"):
        ask_few_rows(original, features)
    assert len(asked) < 300
