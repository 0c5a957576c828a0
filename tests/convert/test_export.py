"""The whole graph: outputs by role, targets and their classes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from convert.export import export
from convert.job import Converted, own_steps_of
from convert.original.original import open_original
from convert.original.schema import describe
from convert.proof.questions import ask_few_rows


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


def fare_band(df: Any) -> Any:
    """A fare beyond the edges is a missing category, which is no whole number: pandas refuses it."""
    band = pd.cut(df["fare"], [-1, 8, 15, 31, 1000], labels=[0, 1, 2, 3]).astype(int)
    return pd.DataFrame({"band": band, "fare": df["fare"]})


def test_own_code_is_recorded_over_the_rows_that_it_takes() -> None:
    table = pd.DataFrame({"fare": np.linspace(0, 400, 50)})
    model = make_pipeline(FunctionTransformer(fare_band), LogisticRegression()).fit(table, np.arange(50) > 25)
    original = open_original(model, None, "", {"fare": False})
    features = describe(original)
    assert original.accepts({"fare": np.array([400.0])})
    assert not original.accepts({"fare": np.array([-2.0])})
    own = own_steps_of(original, features)
    made = export(original, features, ask_few_rows(original, features), own).model
    assert any(node.op_type for node in made.graph.node)
