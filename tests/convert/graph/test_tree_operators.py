"""Trees of several kinds in one graph: ONNX Runtime loads it, and it answers as the trees do."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.ensemble import (
    BaggingClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    VotingClassifier,
)
from sklearn.tree import DecisionTreeClassifier

from convert.export import export
from convert.original.original import open_original
from convert.original.schema import describe
from convert.proof.parity import batched
from server.artefact.runtime import Runtime

X, Y = load_iris(return_X_y=True)
FLAT = DecisionTreeClassifier(max_depth=2, random_state=0)
BOOSTED = GradientBoostingClassifier(n_estimators=3, random_state=0)
HISTOGRAMS = HistGradientBoostingClassifier(max_iter=3)
FULL = RandomForestClassifier(4, random_state=0)


def vote(*members: Any) -> Any:
    return VotingClassifier([(str(at), member) for at, member in enumerate(members)], voting="soft")


MODELS: dict[str, Any] = {
    "leaves of several classes, boosted trees": vote(FLAT, BOOSTED),
    "boosted trees, histograms, leaves of several classes": vote(BOOSTED, HISTOGRAMS, FLAT, FULL),
    "trees that are one leaf, and others": vote(DecisionTreeClassifier(min_samples_leaf=100), BOOSTED),
    "histograms that are one leaf, and others": vote(HistGradientBoostingClassifier(max_iter=2), FULL, FLAT),
    "members that have seen one class": BaggingClassifier(DecisionTreeClassifier(), 5, max_samples=2, random_state=0),
}


@pytest.mark.parametrize("name", MODELS)
def test_trees_of_several_kinds_stand_in_one_graph(name: str) -> None:
    x = np.where(np.arange(X.size).reshape(X.shape) % 11 == 0, np.nan, X) if name.startswith("histograms") else X
    original = open_original(MODELS[name].fit(x, Y))
    features = describe(original)
    rows = {feature.name: x[:, at] for at, feature in enumerate(features)}
    expected = original.ask(rows)
    got = batched(Runtime(export(original, features, expected).model.SerializeToString()), features, rows)
    assert (got["label"] == expected["label"]).all()
    np.testing.assert_allclose(got["probabilities"], expected["probabilities"], rtol=1e-6, atol=1e-6)
