"""How much faster a file is than the original, which may take no single row."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from sklearn.decomposition import SparsePCA
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline

from convert.job import Converted

X = np.random.default_rng(0).normal(size=(60, 4))


def test_of_a_model_that_takes_no_single_row_only_many_are_timed(converted: Callable[..., Converted]) -> None:
    model = make_pipeline(SparsePCA(2, max_iter=5, random_state=0), LinearRegression()).fit(X, X[:, 0])
    done = converted(model)
    assert not done.proof.wrong
    assert done.speed.keys() == {"1000"}
