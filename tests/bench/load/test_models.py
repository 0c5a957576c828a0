"""Models: every example has rows that it takes, missing values among them."""

from __future__ import annotations

import pytest

from bench.errors import BenchError
from bench.load.cases import make_cases
from bench.load.models import EXAMPLES, rows_for
from examples.train import train_breast_cancer, train_churn, train_diabetes, train_iris

TRAINERS = {"iris": train_iris, "diabetes": train_diabetes, "breast-cancer": train_breast_cancer, "churn": train_churn}


@pytest.mark.parametrize("name", list(EXAMPLES))
def test_every_example_model_has_rows_that_it_takes(name: str) -> None:
    model = TRAINERS[name]()
    (case,) = make_cases(model, rows_for(name), rows_each=min(100, len(rows_for(name))))[:1]
    assert len(case.expected["prediction"]) == 100
    assert ("probability" in case.expected) == (name != "diabetes")


def test_a_missing_value_is_null_in_the_request() -> None:
    assert any(None in row for row in rows_for("churn"))
    (case,) = make_cases(train_churn(), [[None, 70.0, 1.0, "one year", "card", "Porto"]])
    assert b"null" in case.body
    assert isinstance(case.expected["prediction"], bool)


def test_a_model_without_rows_is_named() -> None:
    with pytest.raises(BenchError, match="breast-cancer"):
        rows_for("mine")
