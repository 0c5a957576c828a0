"""A witness: it opens a pickle by the names it was told, answers rows, and says what goes wrong."""

from __future__ import annotations

import io
import pickle
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from convert.graph.graph import Array
from convert.witness import frames, serving
from tests.support.convert.hostile import Calls

MODEL = LogisticRegression().fit([[0.0], [1.0], [2.0]], ["a", "b", "b"])
ASK = {
    "do": "ask",
    "kind": "classifier",
    "named": False,
    "form": "table",
    "native": {},
    "nones": [],
    "dates": {},
    "alone": False,
}


def said(*frames_given: tuple[dict[str, Any], dict[str, Array]]) -> list[tuple[dict[str, Any], dict[str, Array]]]:
    """What a witness answers to these frames, one to each."""
    questions, replies = io.BytesIO(), io.BytesIO()
    for head, arrays in frames_given:
        frames.write(questions, head, arrays)
    questions.seek(0)
    serving.serve(questions, replies)
    replies.seek(0)
    return [frames.read(replies) for _ in frames_given]


def opening(
    model: Any, names: list[tuple[str, str]], key: str | None = None
) -> tuple[dict[str, Any], dict[str, Array]]:
    """The frame that hands over a pickle."""
    return {"do": "open", "names": names, "stand_ins": [], "key": key}, {
        "pickle": np.frombuffer(pickle.dumps(model), np.uint8)
    }


NAMES = [
    ("sklearn.linear_model._logistic", "LogisticRegression"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "scalar"),
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("numpy._core.numeric", "_frombuffer"),
]


def test_it_answers_as_the_model_does() -> None:
    rows = {"x0": np.array([0.5, 3.0])}
    opened, (head, answers) = said(opening({"m": MODEL}, NAMES, "m"), (ASK, rows))
    assert opened == ({}, {})
    assert head["seconds"] > 0
    assert answers["label"].tolist() == MODEL.predict([[0.5], [3.0]]).tolist()
    np.testing.assert_array_equal(answers["probabilities"], MODEL.predict_proba([[0.5], [3.0]]))


def test_what_the_model_raises_is_told_and_the_next_question_answered() -> None:
    _, (head, nothing), (_, answers) = said(
        opening(MODEL, NAMES), (ASK, {"x0": np.array([np.nan])}), (ASK, {"x0": np.array([1.0])})
    )
    assert head["error"].startswith("ValueError: Input")
    assert nothing == {}
    assert len(answers["label"]) == 1


@pytest.mark.parametrize("names", [[], NAMES[:1]])
def test_a_name_that_was_not_told_is_not_used(names: list[tuple[str, str]]) -> None:
    ((head, _),) = said(opening(Calls(print, "ran") if not names else MODEL, names))
    assert head["error"].startswith("UnpicklingError: the file asks for")
