"""The schema: what a column may hold is tried on the model."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, PowerTransformer

from convert.errors import Refused
from convert.original.column_hints import ColumnHint
from convert.original.original import open_original
from convert.original.schema import describe
from server.artefact.metadata import Feature

X = np.random.default_rng(0).normal(size=(60, 3))
Y = np.arange(60) % 2


def schema(model: Any) -> tuple[tuple[Feature, ...], list[ColumnHint]]:
    """The features of a fitted model, and what was noted of its columns."""
    original = open_original(model)
    return describe(original), list(original.hints)


def test_numbers_share_one_matrix_under_their_own_names() -> None:
    table = pandas.DataFrame(X, columns=["Age (years)", "größe", "X"])
    features, _ = schema(LogisticRegression().fit(table, Y))
    assert [(feature.name, feature.input, feature.dtype) for feature in features] == [
        ("Age (years)", "X", "float64"),
        ("größe", "X", "float64"),
        ("X", "X", "float64"),
    ]
    assert not any(feature.nullable or feature.categories for feature in features)


@pytest.mark.parametrize(
    "model", [HistGradientBoostingClassifier(), make_pipeline(SimpleImputer(), LinearRegression())]
)
def test_missing_values_are_allowed_where_the_model_takes_them(model: Any) -> None:
    features, _ = schema(model.fit(X, Y))
    assert all(feature.nullable for feature in features)


def test_categories_are_the_only_values_unless_others_are_taken() -> None:
    words = pandas.DataFrame({"a": ["x", "é"] * 30, "b": ["1", "2"] * 30})
    strict, _ = schema(make_pipeline(OneHotEncoder(), LogisticRegression()).fit(words, Y))
    assert [feature.categories for feature in strict] == [("x", "é"), ("1", "2")]
    assert [feature.input for feature in strict] == ["a", "b"]
    free = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    relaxed, _ = schema(make_pipeline(free, LogisticRegression()).fit(words, Y))
    assert [feature.categories for feature in relaxed] == [None, None]


def test_a_model_that_refuses_negative_numbers_is_asked_no_more_of_them() -> None:
    _, hints = schema(PowerTransformer(method="box-cox").fit(np.abs(X) + 0.1))
    assert all(hint.positive for hint in hints)
    _, hints = schema(LogisticRegression().fit(X, Y))
    assert not any(hint.positive for hint in hints)


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (LogisticRegression(), "not fitted"),
        (3, "holds a builtins.int"),
        (LinearRegression().fit(pandas.DataFrame(X, columns=["a", "", "b"]), Y), "empty or appear twice"),
    ],
)
def test_what_is_no_fitted_model_is_refused(model: Any, said: str) -> None:
    with pytest.raises(Refused, match=said):
        open_original(model)
