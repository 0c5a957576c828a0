"""Rows as sums of few others: dictionaries and embeddings answer as scikit-learn's small systems do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.decomposition import DictionaryLearning, SparseCoder
from sklearn.manifold import LocallyLinearEmbedding

from convert.errors import Refused
from convert.job import Converted
from tests.campaigns.coverage.data import numbers

Agrees = Callable[..., Converted]
X = numbers()[:60]
LINES = np.random.default_rng(3).normal(size=(7, X.shape[1]))
CODERS = {
    "one line": SparseCoder(LINES),
    "three lines": SparseCoder(LINES, transform_n_nonzero_coefs=3),
    "as many lines as columns, by sign": SparseCoder(LINES, transform_n_nonzero_coefs=5, split_sign=True),
    "one line twice": SparseCoder(np.vstack([LINES[:3], LINES[:1] * 2]), transform_n_nonzero_coefs=3),
    "a threshold": SparseCoder(LINES, transform_algorithm="threshold", transform_alpha=0.7),
    "a threshold, positive": SparseCoder(LINES, transform_algorithm="threshold", positive_code=True),
}


@pytest.fixture(autouse=True)
def few_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("convert.proof.questions.ROWS", 200)


@pytest.mark.parametrize("name", CODERS)
@pytest.mark.filterwarnings("ignore:.*Orthogonal matching pursuit ended prematurely:RuntimeWarning")
def test_rows_are_written_by_lines_of_a_dictionary(agrees: Agrees, name: str) -> None:
    agrees(CODERS[name].fit(X))


def test_a_threshold_that_is_not_given_is_the_one_of_fitting(agrees: Agrees) -> None:
    model = DictionaryLearning(3, alpha=0.4, max_iter=2, transform_algorithm="threshold", random_state=0)
    agrees(model.fit(X))


@pytest.mark.parametrize("neighbours", [2, 6])
def test_rows_find_their_place_in_an_embedding(agrees: Agrees, neighbours: int) -> None:
    agrees(LocallyLinearEmbedding(n_neighbors=neighbours, n_components=2, random_state=0).fit(X))


@pytest.mark.parametrize(
    ("model", "remedy"),
    [
        (SparseCoder(LINES, transform_algorithm="lasso_lars"), "transform_algorithm='omp'"),
        (SparseCoder(np.eye(11), transform_n_nonzero_coefs=11), "transform_n_nonzero_coefs=10"),
        (LocallyLinearEmbedding(n_neighbors=21), "n_neighbors=20"),
    ],
    ids=["lasso", "many lines", "many neighbours"],
)
def test_what_is_not_exported_is_refused_with_what_helps(agrees: Agrees, model: Any, remedy: str) -> None:
    rows = np.random.default_rng(0).normal(size=(60, 11)) if "eye" in remedy or remedy.endswith("10") else X
    with pytest.raises(Refused) as caught:
        agrees(model.fit(rows))
    assert remedy in caught.value.remedy
