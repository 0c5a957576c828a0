"""What is looked at while a model answers: rows as wide as trees ask, sparse positions, stages."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import sparse
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.ensemble._hist_gradient_boosting.predictor import TreePredictor

from convert.errors import Refused
from convert.opening.watched import watch_compiled_code

ROWS = np.random.default_rng(0).normal(size=(200, 3))


@pytest.fixture(autouse=True)
def watching() -> None:
    watch_compiled_code()


def test_a_sparse_matrix_that_points_outside_is_refused_wherever_it_is_made() -> None:
    watch_compiled_code()
    for kind in (sparse.csr_array, sparse.csr_matrix):
        with pytest.raises(ValueError, match="indices must be"):
            kind((np.ones(1), np.array([5]), np.array([0, 1])), shape=(1, 2))
        assert kind((np.ones(1), np.array([1]), np.array([0, 1])), shape=(1, 2)).sum() == 1


@pytest.mark.parametrize("kind", [HistGradientBoostingClassifier, HistGradientBoostingRegressor])
def test_a_tree_by_histograms_asks_for_no_column_that_its_rows_do_not_have(kind: Any) -> None:
    model = kind(max_iter=3).fit(ROWS, (ROWS[:, 0] > 0).astype(int))
    wanted = model.predict(ROWS)
    np.testing.assert_array_equal(model.predict(ROWS), wanted)
    (tree,) = model._predictors[0]
    assert type(tree) is TreePredictor
    tree.nodes["feature_idx"][tree.nodes["is_leaf"] == 0] = 3
    with pytest.raises(Refused, match="asks for a column that its rows do not have"):
        model.predict(ROWS)


def test_nor_for_categories_that_its_model_does_not_know() -> None:
    coded = np.column_stack([np.arange(200) % 7, ROWS])
    model = HistGradientBoostingRegressor(max_iter=3, categorical_features=[0]).fit(coded, np.arange(200) % 7)
    model.predict(coded)
    (tree,) = model._predictors[0]
    known, places = model._bin_mapper.make_known_categories_bitsets()
    tree.predict(coded, known, places, 1)
    with pytest.raises(Refused, match="asks for categories that its model does not know"):
        tree.predict(coded, known[:0], places, 1)
