"""Outlier detectors label rows as scikit-learn does where a score is the very offset, as that of rows that recur."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from sklearn.covariance import EllipticEnvelope
from sklearn.ensemble import IsolationForest

from convert.export import export
from convert.graph.graph import Array
from convert.original.original import open_original
from convert.original.schema import describe
from convert.proof.parity import batched
from server.artefact.runtime import Runtime


def tied(model: Any, rows: Array) -> int:
    """How many of the rows have the offset for their score; the file labels all as the model does."""
    original = open_original(model)
    features, table = describe(original), dict(zip(original.names, rows.T, strict=True))
    expected = original.ask(table)
    graph = export(original, features, expected).model
    got = batched(Runtime(graph.SerializeToString()), features, table)
    np.testing.assert_array_equal(next(iter(got.values())), expected["label"])
    return int((np.abs(expected["scores"]) < 1e-12).sum())


def test_a_row_whose_score_is_the_offset_is_none_for_an_isolation_forest() -> None:
    x = np.random.default_rng(0).integers(0, 4, (400, 2)).astype(float)
    rows = np.unique(x, axis=0)
    assert sum(
        tied(IsolationForest(n_estimators=20, contamination=share, random_state=seed).fit(x), rows)
        for share, seed in itertools.product((0.1, 0.3), range(2))
    )


def test_an_isolation_forest_of_one_column() -> None:
    x = np.random.default_rng(0).normal(size=(300, 1))
    assert tied(IsolationForest(n_estimators=20, random_state=0).fit(x), x) == 0


def test_a_row_whose_distance_is_the_offset_falls_as_scikit_learn_rounds_it() -> None:
    counted = 0
    for seed, share in itertools.product((4, 5), (0.1, 0.3)):
        x = np.random.default_rng(seed).integers(0, 5, (400, 3)).astype(float)
        counted += tied(EllipticEnvelope(contamination=share, random_state=0).fit(x), np.unique(x, axis=0))
    assert counted
