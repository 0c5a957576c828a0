"""Which rows a model is known to remember."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.neighbors import KNeighborsClassifier

from convert.original.hints.visiting import find_hints

X = np.random.default_rng(0).normal(size=(30, 2)).round(2)


@pytest.mark.parametrize(
    ("model", "classes"),
    [(KNeighborsClassifier(), 2), (GaussianProcessClassifier(), 2), (GaussianProcessClassifier(), 3)],
)
def test_the_rows_are_found_where_each_keeps_them(model: Any, classes: int) -> None:
    hints = find_hints(model.fit(X, np.arange(30) % classes), 2)
    for column, hint in enumerate(hints):
        assert hint.remembered is not None
        assert sorted(hint.remembered.tolist()) == sorted(X[:, column].tolist())
