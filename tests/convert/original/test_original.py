"""The original as it is asked: dicts, labels, and what it transforms where it also predicts."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn import cluster, discriminant_analysis, dummy, linear_model, model_selection, neighbors, preprocessing
from sklearn.feature_extraction import DictVectorizer, FeatureHasher
from sklearn.pipeline import make_pipeline

from convert.errors import Refused
from convert.job import Converted, convert
from convert.opening.opener import OpenPolicy
from convert.original.original import open_original
from server.artefact.runtime import Runtime
from tests.campaigns.coverage.data import labels, numbers

Agrees = Callable[..., Converted]
ROWS = [{"city": "Łódź", "age": 40.0}, {"city": "Paris"}, {"age": 20.0, "city": "Łódź"}, {"age": 3.0}] * 20


def test_names_of_dicts_are_features_and_may_be_left_out(agrees: Agrees) -> None:
    model = make_pipeline(DictVectorizer(), linear_model.LogisticRegression()).fit(ROWS, [1, 0, 1, 0] * 20)
    done = agrees(model)
    features = {feature.name: (feature.dtype, feature.nullable) for feature in done.artefact.features}
    assert features == {"age": ("float64", True), "city": ("string", True)}


def test_a_name_of_numbers_and_of_words_is_refused(agrees: Agrees) -> None:
    with pytest.raises(Refused, match="'a' holds numbers in some rows and words in others"):
        agrees(DictVectorizer().fit([{"a": 1.0}, {"a": "x"}]))


@pytest.mark.parametrize("model", [FeatureHasher(4), preprocessing.MultiLabelBinarizer()], ids=["names", "labels"])
def test_rows_of_any_names_are_refused_by_name(agrees: Agrees, model: Any) -> None:
    with pytest.raises(Refused, match=f"a {type(model).__name__} reads rows of any names or labels"):
        agrees(model.fit([{"a": 1}]))


@pytest.mark.parametrize(
    ("model", "remedy"),
    [
        (neighbors.LocalOutlierFactor(3), "fit it with novelty=True"),
        (neighbors.KernelDensity(), "fit and pickle an estimator that has one"),
        (model_selection.GridSearchCV(linear_model.Ridge(), {"alpha": [1, 2]}, refit=False), "with refit=True"),
    ],
    ids=["outliers", "density", "search"],
)
def test_what_answers_no_new_rows_is_refused_with_what_does(agrees: Agrees, model: Any, remedy: str) -> None:
    with pytest.raises(Refused, match="answers no new rows") as refused:
        agrees(model.fit(numbers(), numbers()[:, 0]))
    assert remedy in refused.value.remedy


def test_a_dummy_of_rows_without_columns_asks_for_rows(agrees: Agrees) -> None:
    model = dummy.DummyRegressor().fit(np.arange(4.0), [1.0, 2.0, 4.0, 8.0])
    with pytest.raises(Refused, match="does not tell how many columns") as refused:
        agrees(model)
    assert "--data" in refused.value.remedy
    assert open_original(model, data={"age": False}).names == ("age",)


def test_labels_are_encoded_and_no_others_taken(agrees: Agrees) -> None:
    done = agrees(preprocessing.LabelEncoder().fit(["b", "ä", "b"]))
    (feature,) = done.artefact.features
    assert (feature.name, feature.categories) == ("label", ("b", "ä"))
    (got,) = Runtime(done.onnx).run(["transformed"], {"label": np.array([["ä"], ["b"]], object)})
    assert got.tolist() == [1, 0]
    (feature,) = agrees(preprocessing.LabelBinarizer().fit([3, 5])).artefact.features
    assert feature.categories == (3, 5)


@pytest.mark.parametrize(
    "model",
    [
        cluster.KMeans(3),
        make_pipeline(preprocessing.StandardScaler(), cluster.KMeans(3)),
        discriminant_analysis.LinearDiscriminantAnalysis(),
        discriminant_analysis.LinearDiscriminantAnalysis(solver="eigen"),
    ],
    ids=["KMeans", "behind a scaler", "svd", "eigen"],
)
def test_what_also_predicts_may_be_asked_to_transform(model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("convert.proof.questions.ROWS", 500)
    fitted = pickle.dumps(model.fit(numbers(), labels("three words", numbers())))
    done = convert(fitted, "m", None, OpenPolicy(), lambda *_: None, method="transform")
    assert not done.proof.wrong
    assert (done.artefact.kind, [output.role for output in done.artefact.outputs]) == ("transformer", ["transformed"])


def test_what_does_not_transform_is_refused() -> None:
    model = pickle.dumps(linear_model.Ridge().fit(numbers(), numbers()[:, 0]))
    with pytest.raises(Refused, match="this Ridge has no transform"):
        convert(model, "m", None, OpenPolicy(), lambda *_: None, method="transform")
