"""The schema: what a column may hold is tried on the model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, VotingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    OneHotEncoder,
    OrdinalEncoder,
    PowerTransformer,
    StandardScaler,
    TargetEncoder,
)

from convert.errors import Refused
from convert.job import Converted
from convert.original.hints.column_hints import ColumnHint
from convert.original.original import Original, open_original
from convert.original.schema import MOST_TRIED, describe
from convert.original.table import Table
from server.artefact.known import MOST_KNOWN
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


def test_what_an_encoder_knows_is_told_where_it_takes_anything() -> None:
    words = pandas.DataFrame({"a": ["x", "é"] * 30, "n": [1, 2] * 30})
    for free in (
        OneHotEncoder(handle_unknown="ignore"),
        OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1),
        TargetEncoder(cv=2),
    ):
        features, _ = schema(make_pipeline(free, LogisticRegression()).fit(words, Y))
        assert [(feature.categories, feature.known) for feature in features] == [(None, ("x", "é")), (None, (1, 2))]
    strict, _ = schema(make_pipeline(OneHotEncoder(), LogisticRegression()).fit(words, Y))
    assert [feature.known for feature in strict] == [(), ()]


def test_a_column_that_is_read_as_a_number_too_has_no_known_values() -> None:
    numbers = pandas.DataFrame({"n": [1.0, 2.0] * 30})
    both = FeatureUnion([("one", OneHotEncoder(handle_unknown="ignore")), ("as it is", StandardScaler())])
    features, _ = schema(make_pipeline(both, LogisticRegression()).fit(numbers, Y))
    assert [(feature.categories, feature.known) for feature in features] == [(None, ())]


def test_of_too_many_known_values_none_is_told() -> None:
    words = pandas.DataFrame({"a": [f"w{at}" for at in range(MOST_KNOWN + 1)]})
    labels = np.arange(len(words)) % 2
    features, _ = schema(make_pipeline(OneHotEncoder(handle_unknown="ignore"), LogisticRegression()).fit(words, labels))
    assert features[0].known == ()


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


def test_columns_that_are_dropped_are_no_features(agrees: Callable[..., Converted]) -> None:
    """A client that sends the whole table, as it always did, sends texts in them."""
    table = pandas.DataFrame(X, columns=["a", "b", "c"]).assign(comment="any", flag=X[:, 0] > 0)
    columns = ColumnTransformer([("n", StandardScaler(), ["c"]), ("gone", "drop", ["a"])])
    done = agrees(make_pipeline(columns, LogisticRegression()).fit(table, Y))
    assert [feature.name for feature in done.artefact.features] == ["c"]
    assert done.artefact.ignored == ("a", "b", "comment", "flag")
    voted = VotingClassifier([(name, _only(name)) for name in ("a", "b")]).fit(table, Y)
    assert agrees(voted).artefact.ignored == ("c", "comment", "flag")
    unnamed = make_pipeline(ColumnTransformer([("n", StandardScaler(), [0])]), LogisticRegression()).fit(X, Y)
    assert agrees(unnamed).artefact.ignored == ()


def _only(name: str) -> Any:
    return make_pipeline(ColumnTransformer([("n", StandardScaler(), [name])]), LogisticRegression())


def test_a_persons_rows_show_which_numbers_are_booleans(agrees: Callable[..., Converted]) -> None:
    table = pandas.DataFrame({"a": X[:, 0], "member": X[:, 1] > 0})
    columns = ColumnTransformer([("n", StandardScaler(), ["a"])], remainder="passthrough")
    model = make_pipeline(columns, LogisticRegression()).fit(table, Y)
    kinds = {
        data is None: [feature.dtype for feature in agrees(model, data).artefact.features] for data in (None, table)
    }
    assert kinds == {True: ["float64", "float64"], False: ["float64", "bool"]}


def test_rows_lie_inside_what_the_model_takes() -> None:
    positive = np.abs(X) + 0.1
    for function, positives, zeros in ((np.log, True, False), (np.sqrt, True, True), (np.reciprocal, False, False)):
        model = make_pipeline(FunctionTransformer(function), LogisticRegression()).fit(positive, Y)
        _, hints = schema(model)
        assert [hint.positive for hint in hints] == [positives] * 3
        assert [hint.nonzero for hint in hints] == [not zeros] * 3


def test_three_of_many_columns_speak_for_those_that_are_read_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each question of a wide model costs as much as its width: one for each column would be its square."""
    asked: list[int] = []
    accepts = Original.accepts

    def counted(original: Original, table: Table) -> bool:
        asked.append(1)
        return accepts(original, table)

    monkeypatch.setattr(Original, "accepts", counted)
    wide = np.random.default_rng(0).normal(size=(60, 2 * MOST_TRIED + 20))
    features, _ = schema(LogisticRegression().fit(wide, Y))
    assert len(asked) < 20
    assert not any(feature.nullable for feature in features)
    odd = list(range(1, wide.shape[1], 2))
    columns = ColumnTransformer([("filled", SimpleImputer(), odd)], remainder="passthrough")
    features, _ = schema(make_pipeline(columns, LogisticRegression()).fit(wide, Y))
    assert [at for at, feature in enumerate(features) if feature.nullable] == odd
    assert len(asked) < 50
