"""The whole graph: outputs by role, targets and their classes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from convert.job import Converted


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
@pytest.mark.parametrize(
    "model", [OneVsRestClassifier(LogisticRegression()), MLPClassifier((8,), max_iter=20, random_state=0)]
)
def test_of_a_set_of_labels_each_is_a_target(agrees: Callable[..., Converted], model: Any) -> None:
    x = np.random.default_rng(0).normal(size=(200, 3))
    labels = np.column_stack([x[:, 0] > 0, x[:, 1] > 0.5, x[:, 2] > 0]).astype(int)
    artefact = agrees(make_pipeline(StandardScaler(), model).fit(x, labels)).artefact
    assert artefact.classes == ((0, 1),) * 3
    assert [output.name for output in artefact.outputs] == ["label", *(f"probabilities_{i}" for i in range(3))]
