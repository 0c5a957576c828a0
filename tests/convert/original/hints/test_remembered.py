"""Which rows a model is known to remember."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import sparse
from sklearn.decomposition import PCA
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.kernel_approximation import Nystroem
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

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


def test_what_a_kernel_is_taken_against_is_remembered_and_directions_are_not() -> None:
    far = X * 50 + 1000
    for fitted in (far, sparse.csr_matrix(far)):
        hints = find_hints(Nystroem(n_components=5, random_state=0).fit(fitted), 2)
        assert all(hint.remembered is not None and {*hint.remembered} <= {*np.ravel(far)} for hint in hints)
    behind = find_hints(make_pipeline(StandardScaler(), Nystroem(n_components=5, random_state=0)).fit(far), 2)
    assert all(hint.remembered is not None and {*hint.remembered} <= {*np.ravel(far)} for hint in behind)
    assert all(hint.remembered is None for hint in find_hints(PCA().fit(far), 2))
