"""Native objects: what points outside itself is refused, in a process of its own, whose death would be seen."""

from __future__ import annotations

import pickle
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from sklearn import ensemble, neighbors, preprocessing

from convert.opening.opener import open_model

ROWS = np.random.default_rng(0).normal(size=(200, 3))
TARGETS = np.arange(200) % 3


def test_what_points_outside_itself_is_refused_before_it_is_read() -> None:
    words = [sys.executable, "-W", "ignore", "-m", "tests.support.convert.native_faults"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-500:] + done.stderr[-2000:]
    lines = done.stdout.splitlines()
    assert len(lines) >= 45
    assert [line for line in lines if not line.endswith(": refused")] == []


@pytest.mark.parametrize("algorithm", ["kd_tree", "ball_tree"])
@pytest.mark.parametrize("metric", ["euclidean", "manhattan", "chebyshev", "minkowski", "seuclidean", "mahalanobis"])
def test_search_trees_are_built_again_as_they_were(algorithm: str, metric: str) -> None:
    settings: dict[str, Any] = {"seuclidean": {"V": ROWS.var(axis=0)}, "mahalanobis": {"VI": np.eye(3) * 2}}
    if (algorithm, metric) in (("kd_tree", "seuclidean"), ("kd_tree", "mahalanobis")):
        pytest.skip("no such tree in scikit-learn")
    model = neighbors.NearestNeighbors(algorithm=algorithm, metric=metric, p=3, metric_params=settings.get(metric))
    opened = open_model(pickle.dumps(model.fit(ROWS)))
    for got, wanted in zip(opened.kneighbors(ROWS[:50] + 0.1), model.kneighbors(ROWS[:50] + 0.1), strict=True):
        np.testing.assert_array_equal(got, wanted)


def test_weights_of_points_stay() -> None:
    model = neighbors.KernelDensity(algorithm="ball_tree").fit(ROWS, sample_weight=np.linspace(1, 5, 200))
    opened = open_model(pickle.dumps(model))
    np.testing.assert_array_equal(opened.score_samples(ROWS), model.score_samples(ROWS))


def test_categories_of_gradient_boosting_stay() -> None:
    coded = np.column_stack([TARGETS, ROWS])
    model = ensemble.HistGradientBoostingClassifier(max_iter=3, categorical_features=[0]).fit(coded, TARGETS)
    opened = open_model(pickle.dumps(model))
    np.testing.assert_array_equal(opened.predict_proba(coded), model.predict_proba(coded))


def test_splines_stay() -> None:
    model = preprocessing.SplineTransformer(extrapolation="linear").fit(ROWS)
    opened = open_model(pickle.dumps(model))
    np.testing.assert_array_equal(opened.transform(ROWS * 3), model.transform(ROWS * 3))
