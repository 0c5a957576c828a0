"""What a changed file may say of a model's columns, and what stands in it, is refused by name."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.linear_model import BayesianRidge, LogisticRegression, Ridge

from convert.errors import Refused
from convert.export import export
from convert.original.original import open_original
from convert.original.schema import describe
from convert.original.self_description import MOST_COLUMNS, width_of
from convert.proof.questions import ask_few_rows

X = np.random.default_rng(0).normal(size=(40, 3))
Y = np.arange(40) % 2


@pytest.mark.parametrize("told", [1e308, MOST_COLUMNS + 1, -1, "x", [], np.zeros((2, 0)), np.arange(3), np.nan])
def test_a_number_of_columns_that_is_none_is_refused_before_each_is_named(told: Any) -> None:
    model = Ridge().fit(X, Y)
    model.n_features_in_ = told
    with pytest.raises(Refused, match="of how many columns"):
        width_of(model)


def test_numpys_numbers_of_columns_are_numbers() -> None:
    model = Ridge().fit(X, Y)
    model.n_features_in_ = np.int64(3)
    assert width_of(model) == 3
    assert width_of(Ridge()) is None


def test_members_that_are_none_are_refused() -> None:
    model = CalibratedClassifierCV(LogisticRegression(), cv=2).fit(X, Y)
    model.calibrated_classifiers_ = 7
    with pytest.raises(Refused, match="what stands in this CalibratedClassifierCV"):
        open_original(model)


def test_a_model_that_does_not_answer_each_row_answers_none() -> None:
    model = BayesianRidge().fit(X, Y)
    model.intercept_ = np.zeros((2, 0))
    original = open_original(model)
    with pytest.raises(Refused, match="hardly any of the rows"):
        ask_few_rows(original, describe(original))


def test_classes_that_no_answer_could_have_are_refused() -> None:
    model = LogisticRegression().fit(X, Y)
    model.classes_ = np.array([0, int], object)
    original = open_original(model)
    features = describe(original)
    with pytest.raises(Refused, match="classes are none that an answer could have"):
        export(original, features, ask_few_rows(original, features))
