"""Hashed texts: a token's column is the one that scikit-learn gives it, whatever letters it has."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas
import pytest
from sklearn.feature_extraction import FeatureHasher, text
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from convert.errors import Refused
from convert.job import Converted
from server.artefact.mixing.analysis import find_mixing
from server.artefact.runtime import Runtime
from tests.campaigns.coverage.data import documents

Agrees = Callable[..., Converted]
DOCUMENTS, LABELS = documents()
LETTERS = ["日本語 straße ﬁn", "ÉTÉ ça Łódź", "\U00010400\U00010401 naïve", "good good bad", "", "a " * 300]


def test_tokens_fall_where_scikit_learn_puts_them_and_rows_stay_apart(agrees: Agrees) -> None:
    model = make_pipeline(text.HashingVectorizer(n_features=64), LogisticRegression()).fit(DOCUMENTS, LABELS)
    done = agrees(model)
    assert find_mixing(done.onnx) is None
    runtime = Runtime(done.onnx)
    (got,) = runtime.run(["probabilities"], {"text": np.array(LETTERS, object).reshape(-1, 1)})
    assert got == pytest.approx(model.predict_proba(LETTERS), abs=1e-9)


@pytest.mark.parametrize(
    ("settings", "last"),
    [
        ({}, LogisticRegression()),
        pytest.param({"alternate_sign": False, "norm": None}, OneVsRestClassifier(LinearSVC()), marks=pytest.mark.slow),
        pytest.param(
            {"binary": True, "norm": "l1", "stop_words": ["red", "good"]},
            SGDClassifier(loss="log_loss", random_state=0),
            marks=pytest.mark.slow,
        ),
    ],
)
def test_a_million_columns_stand_by_what_occurs_in_them(agrees: Agrees, settings: dict[str, Any], last: Any) -> None:
    model = make_pipeline(text.HashingVectorizer(**settings), last).fit(DOCUMENTS, LABELS)
    done = agrees(model)
    assert find_mixing(done.onnx) is None
    assert len(done.onnx) < 1_000_000, "the weights of columns that no text fell into are not kept"
    assert done.proof.spread.distinct > 100
    (got,) = Runtime(done.onnx).run(["label"], {"text": np.array(LETTERS, object).reshape(-1, 1)})
    assert got.tolist() == model.predict(LETTERS).tolist()


def test_two_columns_that_meet_are_one(agrees: Agrees) -> None:
    vectorizer = text.HashingVectorizer(n_features=5000, norm="l2")
    rows = [f"{one} {other} {one}" for one in map("w{}".format, range(300)) for other in ("w7", "x9")]
    model = make_pipeline(vectorizer, Ridge()).fit(rows, np.arange(len(rows)) % 17)
    (got,) = Runtime(agrees(model).onnx).run(["value"], {"text": np.array([" ".join(rows)], object).reshape(-1, 1)})
    assert got == pytest.approx(model.predict([" ".join(rows)]), abs=1e-9)


@pytest.mark.slow
def test_a_scaler_of_a_million_columns_is_folded_into_the_weights(agrees: Agrees) -> None:
    agrees(make_pipeline(text.HashingVectorizer(), MaxAbsScaler(), LogisticRegression()).fit(DOCUMENTS, LABELS))


@pytest.mark.slow
def test_weights_of_a_million_columns(agrees: Agrees) -> None:
    steps = text.HashingVectorizer(alternate_sign=False), text.TfidfTransformer(sublinear_tf=True)
    agrees(make_pipeline(*steps, LogisticRegression()).fit(DOCUMENTS, LABELS))


def test_who_needs_a_million_columns_is_refused_by_name(agrees: Agrees) -> None:
    model = make_pipeline(text.HashingVectorizer(), DecisionTreeClassifier(max_depth=3)).fit(DOCUMENTS, LABELS)
    with pytest.raises(Refused, match="1,048,576") as told:
        agrees(model)
    assert "4096" in told.value.remedy


RECORDS = [{"size": at / 7, "kind": ["a", "bö"][at % 2], **({"rest": at % 5} if at % 3 else {})} for at in range(60)]


@pytest.mark.parametrize(
    "settings",
    [
        {"n_features": 32},
        pytest.param({"n_features": 16, "alternate_sign": False}, marks=pytest.mark.slow),
        pytest.param({}, marks=pytest.mark.slow),
    ],
)
def test_records_of_the_names_that_data_has(agrees: Agrees, settings: dict[str, Any]) -> None:
    model = make_pipeline(FeatureHasher(**settings), Ridge()).fit(RECORDS, [record["size"] for record in RECORDS])
    done = agrees(model, pandas.DataFrame(RECORDS))
    assert [(f.name, f.dtype, f.nullable) for f in done.artefact.features] == [
        ("size", "float64", True), ("kind", "string", True), ("rest", "float64", True),
    ]  # fmt: skip


@pytest.mark.parametrize("signs", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_lists_of_words_are_read_by_the_step_that_the_refusal_names(agrees: Agrees, signs: bool) -> None:
    words = [document.split() for document in DOCUMENTS]
    model = make_pipeline(FeatureHasher(32, input_type="string", alternate_sign=signs), LogisticRegression())
    with pytest.raises(Refused, match="a FeatureHasher reads rows of any names") as refusal:
        agrees(model.fit(words, LABELS))
    named = eval(re.search(r"put (.*\)) in its place", refusal.value.remedy)[1], vars(text))  # type: ignore[index]  # noqa: S307
    done = agrees(make_pipeline(named, model[-1]))
    (got,) = Runtime(done.onnx).run(["probabilities"], {"text": np.array(DOCUMENTS, object).reshape(-1, 1)})
    assert got == pytest.approx(model.predict_proba(words), abs=1e-9)


def test_pairs_are_read_by_the_step_that_the_refusal_names(agrees: Agrees) -> None:
    model = make_pipeline(FeatureHasher(32, input_type="pair", alternate_sign=False), Ridge())
    model.fit([list(record.items()) for record in RECORDS], [record["size"] for record in RECORDS])
    with pytest.raises(Refused, match="a FeatureHasher reads rows of any names") as refusal:
        agrees(model)
    named = eval(re.search(r"put (.*?\)) in its place", refusal.value.remedy)[1])  # type: ignore[index]  # noqa: S307
    done = agrees(make_pipeline(named, model[-1]), pandas.DataFrame(RECORDS))
    row = {"size": np.array([[0.5]]), "kind": np.array([["b\u00f6"]], object), "rest": np.array([[3.0]])}
    (got,) = Runtime(done.onnx).run(["value"], row)
    assert got == pytest.approx(model.predict([[("size", 0.5), ("kind", "b\u00f6"), ("rest", 3.0)]]), abs=1e-9)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"n_features": 64, "ngram_range": (1, 2)}, "single words"),
        ({"n_features": 64, "analyzer": "char"}, "single words"),
        ({"n_features": 64, "strip_accents": "unicode"}, "single words"),
    ],
)
def test_what_is_not_followed_is_refused_by_name(agrees: Agrees, settings: dict[str, Any], reason: str) -> None:
    model = make_pipeline(text.HashingVectorizer(**settings), LogisticRegression()).fit(DOCUMENTS[:50], LABELS[:50])
    with pytest.raises(Refused, match=reason):
        agrees(model)
