"""A classifier whose two copies of its classes differ is refused, though no row may ever show it."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import StackingClassifier, VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from convert.errors import Refused
from convert.export import export
from convert.exporters.parts.classes import check_classes
from convert.original.original import open_original
from convert.original.schema import describe

X = np.random.default_rng(0).normal(size=(80, 2))
Y = np.array(["a", "b", "c", "d"])[np.arange(80) % 4]
MEMBERS = [("one", LogisticRegression()), ("two", DecisionTreeClassifier(max_depth=2))]
MODELS: dict[str, tuple[Any, str]] = {
    "voting": (VotingClassifier(MEMBERS), "le_"),
    "stacking": (StackingClassifier(MEMBERS, cv=2), "_label_encoder"),
    "network": (MLPClassifier((2,), max_iter=3000, tol=0.1), "_label_binarizer"),
}
FITTED = {name: model.fit(X, Y) for name, (model, _) in MODELS.items()}


@pytest.mark.parametrize("name", MODELS)
def test_another_order_in_the_copy_is_refused(name: str) -> None:
    model = copy.deepcopy(FITTED[name])
    check_classes(model)
    getattr(model, MODELS[name][1]).classes_ = np.array(["a", "b", "d", "c"])
    with pytest.raises(Refused, match="keeps its classes twice"):
        check_classes(model)


@pytest.mark.parametrize(("name", "place"), [("voting", "estimators_"), ("stacking", "final_estimator_")])
def test_members_that_mean_other_positions_are_refused(name: str, place: str) -> None:
    model = copy.deepcopy(FITTED[name])
    inner = getattr(model, place)
    (inner[0] if isinstance(inner, list) else inner).classes_ = np.array([0, 1, 3, 2])
    with pytest.raises(Refused, match="keeps its classes twice"):
        check_classes(model)


def test_it_is_looked_at_wherever_the_classifier_stands() -> None:
    model = make_pipeline(StandardScaler(), FITTED["voting"])
    model[0].fit(X)
    original = open_original(model)
    features = describe(original)
    rows = {name: X[:, at] for at, name in enumerate(original.names)}
    export(original, features, original.ask(rows))
    broken = copy.deepcopy(model)
    broken[1].le_.classes_ = broken[1].le_.classes_[::-1]
    with pytest.raises(Refused, match="keeps its classes twice"):
        export(open_original(broken), features, original.ask(rows))


def test_sets_of_labels_and_classifiers_of_one_copy_are_not_touched() -> None:
    check_classes(OneVsRestClassifier(LogisticRegression()).fit(X, (X > 0).astype(int)))
    check_classes(OneVsRestClassifier(LogisticRegression()).fit(X, Y))
    check_classes(MLPClassifier((2,), max_iter=3000, tol=0.1).fit(X, (X > 0).astype(int)))
    check_classes(LogisticRegression())
    check_classes(StandardScaler().fit(X))


def test_labels_of_bytes_are_refused() -> None:
    with pytest.raises(Refused, match="bytes") as refused:
        check_classes(DecisionTreeClassifier().fit(X, np.array([b"no", b"yes"])[(X[:, 0] > 0).astype(int)]))
    assert "astype(str)" in refused.value.remedy
