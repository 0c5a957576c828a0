"""A file is judged by `verify` as converting judges it, and by what it says of itself."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import orjson
import pandas
import pytest
from onnx import ModelProto
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_iris
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from convert.errors import Refused
from convert.job import convert
from convert.opening.opener import OpenPolicy
from convert.proof.parity import Proof
from convert.proof.questions import ask_proof_rows
from convert.verify import verify
from server.artefact.metadata import PREFIX

IRIS = load_iris(as_frame=True)
SURVEY = np.random.default_rng(0).integers(0, 4, size=(300, 3)).astype(np.float64)
Change = Callable[[Any], Any]


@pytest.fixture(autouse=True)
def few_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("convert.proof.questions.ROWS", 600)


def made(model: Any, **how: Any) -> bytes:
    return convert(pickle.dumps(model), "m", how.pop("data", None), OpenPolicy(), lambda *_: None, **how).onnx


def verified(model: Any, onnx: bytes, **how: Any) -> Proof:
    return verify(pickle.dumps(model), onnx, how.pop("data", None), OpenPolicy(), lambda *_: None, **how)


def saying(onnx: bytes, key: str, change: Change) -> bytes:
    """The same graph with another word of itself."""
    model = ModelProto.FromString(onnx)
    entry = next(entry for entry in model.metadata_props if entry.key == PREFIX + key)
    entry.value = orjson.dumps(change(orjson.loads(entry.value))).decode()
    return bytes(model.SerializeToString())


def swapped(values: list[Any]) -> list[Any]:
    return [values[1], values[0], *values[2:]]


def with_each(**changes: Any) -> Change:
    return lambda entries: [{**entry, **changes} for entry in entries]


@pytest.fixture(scope="module")
def flowers() -> LogisticRegression:
    names = IRIS.target_names[IRIS.target]
    return LogisticRegression(max_iter=500).fit(IRIS.data, names)


@pytest.mark.parametrize(
    ("key", "change", "said"),
    [
        ("classes", swapped, "other classes"),
        ("outputs", swapped, "outputs"),
        ("outputs", lambda outputs: [outputs[0], {**outputs[1], "role": "scores"}], "outputs"),
        ("model", lambda model: {**model, "kind": "regressor"}, "regressor"),
        ("features", with_each(nullable=True), "may be missing"),
        ("features", with_each(unit="seconds since 1970-01-01T00:00:00"), "counts"),
        ("features", with_each(dtype="string"), "is string"),
        ("classes", lambda _: [1, 1, 2], "two are the same"),
    ],
)
def test_a_file_that_tells_its_answers_falsely_is_refused(
    flowers: LogisticRegression, key: str, change: Change, said: str
) -> None:
    with pytest.raises(Refused, match=said):
        verified(flowers, saying(made(flowers), key, change))


def test_a_file_that_takes_categories_which_the_model_does_not_know_is_refused() -> None:
    table = pandas.DataFrame({"c": ["a", "b", "c"] * 20, "x": np.arange(60.0)})
    encode = make_column_transformer((OneHotEncoder(), ["c"]), remainder="passthrough")
    model = make_pipeline(encode, LinearRegression()).fit(table, np.arange(60.0))
    onnx = made(model)
    verified(model, onnx)
    for values in (["a", "b", "d"], None):

        def widened(features: Any, values: Any = values) -> Any:
            return [{**features[0], "categories": values}, *features[1:]]

        with pytest.raises(Refused, match="takes other values"):
            verified(model, saying(onnx, "features", widened))


def test_accidents_are_refused_and_may_be_allowed_as_while_converting() -> None:
    model = KNeighborsClassifier(2).fit(SURVEY, np.arange(300) % 3)
    onnx = made(model, allow_ties=True)
    with pytest.raises(Refused, match="--allow-ties"):
        verified(model, onnx)
    assert verified(model, onnx, allow_ties=True).accidents > 0


def test_an_original_that_answers_by_the_rows_beside_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    model = LinearRegression().fit(IRIS.data.to_numpy(), IRIS.target)
    onnx, predict = made(model), LinearRegression.predict
    monkeypatch.setattr(LinearRegression, "predict", lambda self, x: predict(self, x - x.mean(axis=0)))
    with pytest.raises(Refused, match="otherwise alone"):
        verified(model, onnx)


def test_answers_that_are_all_the_same_are_refused(
    flowers: LogisticRegression, monkeypatch: pytest.MonkeyPatch
) -> None:
    onnx = made(flowers)
    monkeypatch.setattr("convert.proof.enough.MOST_ALIKE", 0.0)
    with pytest.raises(Refused, match="one and the same answer"):
        verified(flowers, onnx)


def test_rows_hang_on_the_file_so_that_none_is_made_for_them(
    flowers: LogisticRegression, monkeypatch: pytest.MonkeyPatch
) -> None:
    seeds: list[int] = []

    def asked(original: Any, features: Any, data: Any, seed: int) -> Any:
        seeds.append(seed)
        return ask_proof_rows(original, features, data, seed)

    monkeypatch.setattr("convert.verify.ask_proof_rows", asked)
    onnx = made(flowers)
    for file in (onnx, onnx, saying(onnx, "created", lambda _: "later")):
        verified(flowers, file)
    assert seeds[0] == seeds[1] != seeds[2]
    assert 0 not in seeds


def test_columns_that_only_rows_showed_to_be_booleans_are_booleans_again() -> None:
    table = pandas.DataFrame({"b": [True, False] * 40, "x": np.arange(80.0)})
    model = LinearRegression().fit(table, 3.0 * table["b"] + table["x"])
    onnx = made(model, data=table)
    assert b'"dtype":"bool"' in onnx
    assert verified(model, onnx).wrong == 0
