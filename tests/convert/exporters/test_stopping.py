"""Which steps answer a row by the rows beside it, wherever in a model they stand."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import NMF, PCA, MiniBatchNMF
from sklearn.pipeline import FeatureUnion, make_pipeline

from convert.exporters.stopping import is_settled, stops_together

X = np.abs(np.random.default_rng(0).normal(size=(40, 5)))
pytestmark = pytest.mark.filterwarnings("ignore")


def test_factors_stop_together_unless_nothing_is_left_to_change() -> None:
    assert stops_together(NMF(2).fit(X)) is not None
    assert stops_together(MiniBatchNMF(2).fit(X)) is not None
    assert stops_together(NMF(2, tol=1e-9).fit(X)) is None
    assert stops_together(NMF(2, tol=0.0, max_iter=5).fit(X)) is None
    assert stops_together(NMF(2, tol=1e-9, solver="mu").fit(X)) is not None
    assert stops_together(MiniBatchNMF(2, tol=0.0, max_iter=5).fit(X)) is None


def test_they_are_found_inside() -> None:
    factors = NMF(2)
    union = FeatureUnion([("p", PCA(2)), ("f", factors)])
    model = make_pipeline(ColumnTransformer([("u", union, [0, 1, 2])], remainder="passthrough"), PCA(2)).fit(X)
    assert type(stops_together(model)) is NMF
    assert stops_together(make_pipeline(PCA(2)).fit(X)) is None


def test_only_few_factors_are_solved_at_once() -> None:
    assert is_settled(NMF(3, tol=1e-9).fit(X))
    assert not is_settled(NMF(11, tol=1e-9, init="random").fit(X))
    assert not is_settled(NMF(3).fit(X))
