"""Cases: the right answers are the pickle's own, in the types the contract promises."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from bench.errors import BenchError
from bench.load.cases import Case, as_table, load_model, make_cases, read_cases, write_cases
from bench.load.rows import ROWS, rows_for
from examples.train import train_breast_cancer, train_churn, train_diabetes, train_iris

TRAINERS = {"iris": train_iris, "diabetes": train_diabetes, "breast-cancer": train_breast_cancer, "churn": train_churn}


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


@pytest.mark.parametrize("name", list(ROWS))
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


def test_cases_read_back_what_was_written(cases: list[Case], tmp_path: Path) -> None:
    write_cases(cases, tmp_path / "new" / "cases.json")
    assert read_cases(tmp_path / "new" / "cases.json") == cases


def test_no_case_and_no_pickle_and_no_rows_are_named(tmp_path: Path) -> None:
    write_cases([], tmp_path / "none.json")
    with pytest.raises(BenchError, match="no case"):
        read_cases(tmp_path / "none.json")
    with pytest.raises(BenchError, match="make models"):
        load_model(tmp_path / "missing.pkl")
    with pytest.raises(BenchError, match="breast-cancer"):
        rows_for("mine")
