"""Own code that takes texts of one shape alone is recorded and proven over those of a person's rows (--data)."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import cloudpickle  # type: ignore[import-untyped,unused-ignore]  # joblib brings it
import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from convert.errors import Refused
from convert.job import Converted, convert
from convert.opening.opener import OpenPolicy
from convert.opening.own_code import OwnCode
from convert.original.original import open_original
from convert.proof.parity import batched
from convert.proof.user_rows import fit_to_schema, texts_of
from server.artefact.runtime import Runtime

CARS = pd.DataFrame(
    {
        "rate": [f"{rate:.2f}%" for rate in np.linspace(5, 25, 60)],
        "term": np.resize([" 36 months", " 60 months"], 60),
        "km": [f"{km:,} km" for km in range(900, 60_900, 1000)],
    }
)
PRICE = np.arange(60.0)
DATA = "--data ROWS.csv"
pytestmark = pytest.mark.filterwarnings("ignore")


def as_numbers(df: Any) -> Any:
    df = df.copy()
    df["rate"] = df["rate"].str.rstrip("%").astype(float) / 100
    df["term"] = df["term"].str.strip().str.split(" ").str[0].astype(int)
    df["km"] = df["km"].str.replace(" km", "").str.replace(",", "").astype(float)
    return df


def shares(df: Any) -> Any:
    return df[["rate"]].apply(lambda column: column.str.rstrip("%").astype(float) / 100)


def dummies(df: Any) -> Any:
    return pd.get_dummies(df).reindex(columns=["term_ 36 months", "term_ 60 months"], fill_value=0).astype(float)


def converted(function: Callable[[Any], Any], table: Any, data: Any) -> tuple[Any, Converted]:
    model = make_pipeline(FunctionTransformer(function), LinearRegression()).fit(table, PRICE)
    module = importlib.import_module(__name__)
    cloudpickle.register_pickle_by_value(module)
    try:
        pickled = cloudpickle.dumps(model)
    finally:
        cloudpickle.unregister_pickle_by_value(module)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("convert.proof.questions.ROWS", 300)
        return model, convert(pickled, "m", data, OpenPolicy(code=OwnCode(())), lambda *_: None)


@pytest.mark.parametrize(
    ("function", "columns"), [(shares, ["rate"]), pytest.param(as_numbers, list(CARS), marks=pytest.mark.slow)]
)
def test_texts_of_a_persons_rows_are_what_it_is_recorded_over(
    function: Callable[[Any], Any], columns: list[str]
) -> None:
    model, done = converted(function, CARS[columns], CARS[columns].iloc[:40])
    assert {feature.dtype for feature in done.artefact.features} == {"string"}
    assert not done.proof.bad
    unseen = fit_to_schema(CARS.iloc[40:], done.artefact.features)
    got = batched(Runtime(done.onnx), done.artefact.features, unseen)
    np.testing.assert_allclose(np.ravel(next(iter(got.values()))), model.predict(CARS.iloc[40:]), rtol=1e-9)


def test_without_them_it_says_that_they_help() -> None:
    with pytest.raises(Refused) as refusal:
        converted(as_numbers, CARS, None)
    assert DATA in refusal.value.remedy


def test_columns_that_dummies_are_made_of_are_those_of_the_rows() -> None:
    table = CARS[["term"]].assign(doors=3.0)
    with pytest.raises(Refused) as refusal:
        converted(dummies, table, None)
    assert DATA in refusal.value.remedy
    _, done = converted(dummies, table, table)
    assert next((feature.name, feature.dtype) for feature in done.artefact.features) == ("term", "string")


def test_texts_are_each_once_and_by_column() -> None:
    told = texts_of(CARS.assign(n=1.0, mixed=np.resize(np.array(["a", None, 3], object), 60)))
    assert told["term"] == [" 36 months", " 60 months"]
    assert told["mixed"] == ["a"]
    assert "n" not in told
    assert texts_of(None) == {}


def test_other_models_are_asked_as_ever() -> None:
    model = LinearRegression().fit(pd.DataFrame({"rate": PRICE}), PRICE)
    assert not open_original(model, data={"rate": True}, given={"rate": ["1%"]}).hints[0].text
