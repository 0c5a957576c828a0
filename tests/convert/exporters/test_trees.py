"""scikit-learn's own trees: exact at thresholds, with missing values, with ties."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn import ensemble, tree
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from convert.exporters.trees import floor32
from convert.job import Converted

Agrees = Callable[..., Converted]

RANDOM = np.random.default_rng(0)
DATA = {
    "random": RANDOM.normal(size=(600, 5)),
    "tenths": RANDOM.integers(0, 50, (600, 5)) / 10,
    "large integers": 1_700_000_000 + RANDOM.integers(0, 10_000, (600, 5)).astype(float),
    "offset": 1e4 + RANDOM.integers(0, 200, (600, 5)) / 100,
}
TARGET = (DATA["random"][:, 0] + 0.3 * RANDOM.normal(size=600) > 0).astype(int)
CLASSIFIERS = (
    tree.DecisionTreeClassifier(max_depth=6),
    tree.ExtraTreeClassifier(max_depth=6),
    ensemble.RandomForestClassifier(20, random_state=0),
    ensemble.ExtraTreesClassifier(20, random_state=0),
)
REGRESSORS = (
    tree.DecisionTreeRegressor(max_depth=6),
    tree.ExtraTreeRegressor(max_depth=6),
    ensemble.RandomForestRegressor(20, random_state=0),
    ensemble.ExtraTreesRegressor(20, random_state=0),
)


@pytest.mark.parametrize("data", DATA)
@pytest.mark.parametrize("scaled", [False, True])
@pytest.mark.parametrize(
    "model", [CLASSIFIERS[0], CLASSIFIERS[2], REGRESSORS[2]], ids=lambda model: type(model).__name__
)
def test_no_row_differs(agrees: Agrees, model: Any, data: str, scaled: bool) -> None:
    x = DATA[data]
    target = (x[:, 0] > np.median(x[:, 0])).astype(int) + (x[:, 1] > np.median(x[:, 1]))
    done = agrees((make_pipeline(StandardScaler(), model) if scaled else model).fit(x, target))
    assert {line.group for line in done.proof.lines} >= {"usual", "thresholds"}


@pytest.mark.parametrize("model", [*CLASSIFIERS, *REGRESSORS], ids=lambda model: type(model).__name__)
def test_missing_values_go_where_the_tree_learnt_to_send_them(agrees: Agrees, model: Any) -> None:
    x = np.where(RANDOM.random((600, 5)) < 0.2, np.nan, DATA["random"])
    done = agrees(model.fit(x, TARGET))
    assert all(feature.nullable for feature in done.artefact.features)
    assert "missing" in {line.group for line in done.proof.lines}


def test_several_targets(agrees: Agrees) -> None:
    x, y = DATA["tenths"], RANDOM.integers(0, 3, (600, 2))
    done = agrees(ensemble.RandomForestClassifier(10, random_state=0).fit(x, y))
    assert done.artefact.output_names("probabilities") == ("probabilities_0", "probabilities_1")
    assert done.artefact.classes == ((0, 1, 2), (0, 1, 2))
    agrees(ensemble.RandomForestRegressor(10, random_state=0).fit(x, y))


def test_a_tie_is_the_first_class(agrees: Agrees) -> None:
    x = np.array([[0.0], [0.0], [1.0], [1.0]])
    model = tree.DecisionTreeClassifier().fit(x, ["b", "a", "a", "a"])
    done = agrees(model)
    assert model.predict([[0.0]]).tolist() == ["a"]
    assert max(line.ties for line in done.proof.lines) == 0


def test_floored_thresholds_split_every_float32_alike() -> None:
    thresholds = np.concatenate([RANDOM.normal(size=1000), [0.1, 16777217.0, 1e-46, -1e-46, 0.0]])
    floored = floor32(thresholds)
    assert (floored <= thresholds).all()
    assert (np.nextafter(floored, np.float32(np.inf)) > thresholds).all()
