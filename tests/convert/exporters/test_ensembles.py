"""Ensembles label rows as scikit-learn does where scores tie, as those of rows that come again do."""

from __future__ import annotations

import itertools

import numpy as np
from sklearn.ensemble import IsolationForest

from convert.export import export
from convert.original.original import open_original
from convert.original.schema import describe
from convert.proof.parity import batched
from server.artefact.runtime import Runtime


def test_a_row_whose_score_is_the_offset_is_no_outlier() -> None:
    x = np.random.default_rng(0).integers(0, 4, (400, 2)).astype(float)
    table = dict(zip(("x0", "x1"), np.unique(x, axis=0).T, strict=True))
    tied = 0
    for share, seed in itertools.product((0.05, 0.1, 0.2, 0.3), range(4)):
        model = IsolationForest(n_estimators=20, contamination=share, random_state=seed).fit(x)
        original = open_original(model)
        features, expected = describe(original), original.ask(table)
        graph = export(original, features, expected).model
        got = batched(Runtime(graph.SerializeToString()), features, table)
        np.testing.assert_array_equal(next(iter(got.values())), expected["label"])
        tied += int((expected["scores"] == 0.0).sum())
    assert tied
