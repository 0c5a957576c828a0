"""libsvm's coupling of pairs: as many rounds as its own loop takes, row by row, also for rows that take many."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import make_classification
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, NuSVC

from convert.exporters.parts.coupling import LEAST, coupled, rounds
from convert.graph.graph import Graph
from convert.job import Converted
from server.artefact.mixing.analysis import find_mixing
from server.artefact.runtime import Runtime

Array = np.ndarray[Any, Any]


def by_libsvm(wins: Array) -> tuple[Array, int]:
    """Its loop for one row of ``wins`` [classes, classes], and how many rounds that took."""
    k = len(wins)
    q = -wins * wins.T + np.diag((wins**2).sum(axis=0))
    p = np.full(k, 1 / k)
    for done in range(100):
        left = q @ p
        mean = p @ left
        if np.abs(left - mean).max() < 0.005 / k:
            return p, done
        for t in range(k):
            step = (mean - left[t]) / q[t, t]
            p[t] += step
            mean = (mean + step * (step * q[t, t] + 2 * left[t])) / (1 + step) ** 2
            left = (left + step * q[t]) / (1 + step)
            p /= 1 + step
    return p, 100


@pytest.mark.parametrize("classes", [2, 3, 7])
def test_rows_stop_where_libsvm_stops(classes: int) -> None:
    chance = np.random.default_rng(0)
    pairs = [(i, j) for i in range(classes) for j in range(i + 1, classes)]
    first = 1 / (1 + np.exp(-chance.normal(size=(300, len(pairs))) * chance.choice([0.3, 3, 30], size=(300, 1))))
    graph = Graph()
    p = coupled(graph.input("first", np.float64, len(pairs)), classes)
    runtime = Runtime(graph.finish({"p": p}, {"p": (classes,)}).SerializeToString())
    (got,) = runtime.run(["p"], {"first": first})
    taken = []
    for row, answer in zip(np.clip(first, LEAST, 1 - LEAST), got, strict=True):
        wins = np.zeros((classes, classes))
        for value, (i, j) in zip(row, pairs, strict=True):
            wins[i, j], wins[j, i] = value, 1 - value
        expected, needed = by_libsvm(wins)
        taken.append(needed)
        np.testing.assert_allclose(answer, expected, rtol=1e-9)
    assert len(set(taken)) > 1
    assert max(taken) < rounds(classes)


@pytest.mark.usefixtures("few_rows")
@pytest.mark.filterwarnings("ignore::FutureWarning")  # scikit-learn 1.9: probability is on its way out
@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("kind", [SVC, NuSVC])
def test_probabilities_of_support_vectors_are_theirs(classes: int, kind: Any, agrees: Callable[..., Converted]) -> None:
    """Data that nobody scaled: a plain sigmoid was off in 717 of 1,200 rows."""
    x, y = make_classification(300, 6, flip_y=0.2, n_informative=4, n_classes=classes, random_state=3)
    for model in (kind(probability=True), make_pipeline(StandardScaler(), kind(probability=True))):
        done = agrees(model.fit(x * 50 + 500, y), data=None)
        assert find_mixing(done.onnx) is None
