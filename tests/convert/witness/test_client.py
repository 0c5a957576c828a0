"""What a witness answers is read as a stranger's: named as answers are, one for each row, of bounded words."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest

from convert.errors import Refused
from convert.witness import frames
from convert.witness.answers import Question
from convert.witness.client import DoesNotTake, Witness

ROWS = {"x0": np.zeros(3)}
QUESTION = Question("regressor", False, "table", {}, frozenset())


def asked(head: dict[str, Any], answers: dict[str, Any]) -> Any:
    """What is made of such a reply."""
    replies = io.BytesIO()
    frames.write(replies, head, answers)
    replies.seek(0)
    return Witness(io.BytesIO(), replies, "1.2.2", "").ask(QUESTION, ROWS)


@pytest.mark.parametrize("seconds", [float("nan"), float("inf"), -1.0, "1", True])
def test_a_time_that_is_none_counts_as_none(seconds: Any) -> None:
    answers, taken = asked({"seconds": seconds}, {"value": np.zeros(3)})
    assert answers["value"].tolist() == [0, 0, 0]
    assert taken == 0.0


@pytest.mark.parametrize(
    "answers",
    [
        {},
        {"value": np.zeros(2)},
        {"value": np.zeros(())},
        {"value": np.zeros((3, 1, 1))},
        {"value": np.zeros(3), "more": np.zeros(3)},
        {"probabilities_x": np.zeros(3)},
        {"label": np.zeros(0)},
    ],
)
def test_what_is_no_answer_to_these_rows_is_refused(answers: dict[str, Any]) -> None:
    with pytest.raises(Refused, match="none to what it was asked"):
        asked({"seconds": 0.1}, answers)


def test_an_error_is_cut_short() -> None:
    with pytest.raises(DoesNotTake) as refused:
        asked({"error": "x" * 100_000}, {})
    assert len(str(refused.value)) == 2000
