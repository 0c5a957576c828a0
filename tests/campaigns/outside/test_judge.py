"""The judgement over one model of another's: agrees, is refused by name, or what else came of it."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from sklearn.cluster import OPTICS
from sklearn.linear_model import LinearRegression
from sklearn.preprocessing import OneHotEncoder

from tests.campaigns.outside import judge
from tests.campaigns.outside.judge import Asked


def asked(model: Any, rows: Any, expected: Any = None) -> Asked:
    """The model as a dump has it."""
    return Asked(model, pickle.dumps(model), rows, expected)


ROWS = np.random.default_rng(0).normal(size=(20, 2)).astype(np.float32)
LINE = LinearRegression().fit(ROWS.astype(np.float64), ROWS[:, 0])


def test_one_that_answers_its_own_rows_agrees() -> None:
    told = judge.judge(asked(LINE, ROWS, [LINE.predict(ROWS)]))
    assert (told.status, told.why) == ("agrees", "")


def test_answers_that_were_written_down_otherwise_are_told() -> None:
    told = judge.judge(asked(LINE, ROWS, [LINE.predict(ROWS) + 1]))
    assert (told.status, told.why) == ("agrees", "20 of 20 rows of value otherwise in the float32 of its test")


def test_what_has_no_converter_is_refused_by_name() -> None:
    told = judge.judge(asked(OPTICS().fit(ROWS), ROWS))
    assert told.status == "refused"
    assert "OPTICS" in told.why


def test_a_wrong_answer_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judge, "answer", lambda *_: {"value": LINE.predict(ROWS.astype(np.float64)) + (ROWS[:, 0] > 1)})
    told = judge.judge(asked(LINE, ROWS))
    assert told.status == "differs"
    assert told.why.startswith(f"{int((ROWS[:, 0] > 1).sum())} of 20 rows; value ")


def test_rows_that_the_schema_refuses_are_a_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    words = np.array([["a"], ["b"]], object)
    monkeypatch.setattr(judge, "answer", lambda *_: {"transformed": np.zeros((3, 2))})
    told = judge.judge(asked(OneHotEncoder().fit(words), np.array([["a"], ["b"], ["c"]], object)))
    assert (told.status, told.why) == ("differs", "the schema refuses its own rows: 'x0' 'c'")
