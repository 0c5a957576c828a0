"""Column transformers, unions, and the columns they choose."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas
import pytest
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.manifold import LocallyLinearEmbedding
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, OrdinalEncoder, StandardScaler

from convert.errors import Refused
from convert.job import Converted
from examples.train import customers

Agrees = Callable[..., Converted]

TABLE, LEFT = customers()
NUMBERS = ["tenure months", "monthly charge", "support calls"]
WORDS = ["contract", "payment", "city"]


def test_mixed_columns_have_an_input_each(agrees: Agrees) -> None:
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    columns = ColumnTransformer([("n", numbers, NUMBERS), ("w", OneHotEncoder(), WORDS)])
    done = agrees(make_pipeline(columns, LogisticRegression(max_iter=1000)).fit(TABLE, LEFT))
    assert [feature.input for feature in done.artefact.features] == list(TABLE.columns)
    by_name = {feature.name: feature for feature in done.artefact.features}
    assert by_name["contract"].categories == ("month-to-month", "one year", "two years")
    assert by_name["monthly charge"].nullable
    assert not by_name["contract"].nullable


@pytest.mark.parametrize(
    "encoder",
    [
        OneHotEncoder(handle_unknown="ignore"),
        OneHotEncoder(drop="first"),
        OneHotEncoder(sparse_output=False, drop="if_binary"),
        OrdinalEncoder(),
        OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1),
    ],
)
def test_encoders(agrees: Agrees, encoder: Any) -> None:
    agrees(make_pipeline(encoder, LogisticRegression(max_iter=1000)).fit(TABLE[WORDS], LEFT))
    agrees(encoder.fit(TABLE[WORDS]))


def test_columns_by_selector_dropped_and_passed_on(agrees: Agrees) -> None:
    columns = ColumnTransformer(
        [
            ("w", OneHotEncoder(handle_unknown="ignore"), make_column_selector(pattern="contract|city")),
            ("gone", "drop", ["payment"]),
            ("n", SimpleImputer(add_indicator=True), NUMBERS[:2]),
        ],
        remainder="passthrough",
        transformer_weights={"n": 0.5},
    )
    agrees(make_pipeline(columns, LogisticRegression(max_iter=1000)).fit(TABLE, LEFT))


def test_missing_words_are_imputed(agrees: Agrees) -> None:
    words = TABLE[WORDS].where(np.random.default_rng(0).random((len(TABLE), 3)) > 0.1)
    encode = make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore"))
    done = agrees(make_pipeline(encode, LogisticRegression(max_iter=1000)).fit(words.astype(object), LEFT))
    assert all(feature.nullable for feature in done.artefact.features)


def test_numbers_among_words_that_a_text_is_imputed_for_stay_numbers(agrees: Agrees) -> None:
    table = pandas.DataFrame({"zone": ["a", "b", None, "b"] * 30, "kind": [20, 60, 20, 30] * 30})
    words = make_pipeline(SimpleImputer(strategy="constant", fill_value="None"), OneHotEncoder(handle_unknown="ignore"))
    done = agrees(make_pipeline(words, LogisticRegression()).fit(table, [0, 1, 1, 0] * 30))
    assert [(feature.name, feature.dtype) for feature in done.artefact.features] == [
        ("zone", "string"),
        ("kind", "float64"),
    ]
    assert done.artefact.features[1].nullable


def test_a_union_of_scalers(agrees: Agrees) -> None:
    union = FeatureUnion([("a", StandardScaler()), ("b", MinMaxScaler())], transformer_weights={"b": 2.0})
    x = TABLE[NUMBERS].fillna(0)
    agrees(make_pipeline(union, LogisticRegression(max_iter=1000)).fit(x, LEFT))


def test_numbers_and_booleans_as_categories(agrees: Agrees) -> None:
    table = pandas.DataFrame({"size": [1, 2, 3, 2] * 20, "new": [True, False, True, True] * 20})
    done = agrees(make_pipeline(OneHotEncoder(), LogisticRegression()).fit(table, [0, 1, 0, 1] * 20))
    assert [feature.dtype for feature in done.artefact.features] == ["float64", "bool"]
    assert done.artefact.features[0].categories == (1, 2, 3)


def test_a_refusal_names_the_estimator_and_its_path(converted: Agrees) -> None:
    columns = ColumnTransformer([("map", LocallyLinearEmbedding(n_neighbors=30, n_components=2), NUMBERS)])
    model = make_pipeline(columns, LogisticRegression()).fit(TABLE[:200].fillna(0), LEFT[:200])
    with pytest.raises(Refused, match="LocallyLinearEmbedding") as refusal:
        converted(model)
    assert "columntransformer=ColumnTransformer > map=LocallyLinearEmbedding" in refusal.value.where
    assert refusal.value.remedy


@pytest.mark.slow
def test_what_is_missing_to_pandas_is_filled_in(agrees: Agrees) -> None:
    rows = pandas.DataFrame({"city": ["a", "b", None, "b"] * 20, "n": [1, None, 3, 4] * 20}).convert_dtypes()
    imputer = SimpleImputer(strategy="most_frequent", missing_values=pandas.NA)
    columns = [("c", make_pipeline(imputer, OneHotEncoder()), ["city"]), ("n", SimpleImputer(), ["n"])]
    agrees(make_pipeline(ColumnTransformer(columns), LogisticRegression()).fit(rows, [0, 1, 1, 0] * 20))
