"""Likelihoods: probabilities with the digits that scikit-learn leaves them, as a curve behind may step between two."""

from __future__ import annotations

import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.naive_bayes import GaussianNB

from convert.export import export
from convert.original.original import open_original
from convert.original.schema import describe
from server.artefact.runtime import Runtime


def test_sure_probabilities_are_as_sure_as_the_original_has_them() -> None:
    x, y = load_breast_cancer(return_X_y=True)
    model = GaussianNB().fit(x[::2], y[::2])
    original = open_original(model)
    features = describe(original)
    names = [feature.name for feature in features]
    exported = export(original, features, original.ask(dict(zip(names, x[:10].T, strict=True))))
    (got,) = Runtime(exported.model.SerializeToString()).run(["probabilities"], {"X": x})
    expected = model.predict_proba(x)
    sure = expected[:, 1] > 1 - 1e-9
    assert len(np.unique(expected[sure, 1])) > 50
    assert np.mean(got[sure, 1] == expected[sure, 1]) > 0.9
