"""What must fit together in a model: sound ones keep their answers and get arrays of their own."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from scipy import sparse
from sklearn import cluster, isotonic, neighbors, svm

from convert.opening.opener import open_model

ROWS = np.random.default_rng(0).normal(size=(60, 3))
CLASSES = np.arange(60) % 3


@pytest.mark.parametrize(
    "model",
    [
        svm.SVC(),
        svm.NuSVC(nu=0.2),
        svm.SVR(),
        svm.OneClassSVM(),
        neighbors.KNeighborsClassifier(algorithm="brute", weights="distance"),
        neighbors.RadiusNeighborsClassifier(2.0, outlier_label=0),
        neighbors.KNeighborsClassifier(metric="mahalanobis", metric_params={"VI": np.eye(3)}, algorithm="brute"),
        cluster.KMeans(3, n_init=1),
        cluster.BisectingKMeans(3),
    ],
    ids=lambda model: type(model).__name__,
)
def test_sound_models_answer_as_before(model: Any) -> None:
    model.fit(ROWS, CLASSES)
    np.testing.assert_array_equal(open_model(pickle.dumps(model)).predict(ROWS), model.predict(ROWS))


def test_support_vectors_may_be_sparse() -> None:
    model = svm.SVC().fit(sparse.csr_matrix(ROWS), CLASSES)
    np.testing.assert_array_equal(open_model(pickle.dumps(model)).predict(ROWS), model.predict(ROWS))


def test_an_array_that_compiled_code_reads_is_no_other_part_of_the_model() -> None:
    model = cluster.KMeans(3, n_init=1).fit(ROWS)
    vars(model)["shared"] = model.cluster_centers_
    opened = open_model(pickle.dumps(model))
    assert not np.shares_memory(opened.shared, opened.cluster_centers_)


def test_the_function_of_an_isotonic_regression_is_made_again() -> None:
    model = isotonic.IsotonicRegression(out_of_bounds="clip").fit(np.arange(9.0), [1, 2, 2, 3, 5, 4, 6, 7, 9])
    np.testing.assert_array_equal(
        open_model(pickle.dumps(model)).predict(np.linspace(-1, 9)), model.predict(np.linspace(-1, 9))
    )
