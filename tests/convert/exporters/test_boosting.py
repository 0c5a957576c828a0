"""scikit-learn's gradient boosting: thresholds in float32 and in double, links, native categories, missing values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn import ensemble
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from convert.export import export
from convert.job import Converted
from convert.original.original import open_original
from convert.original.schema import describe
from convert.proof.parity import batched
from server.artefact.runtime import Runtime

Agrees = Callable[..., Converted]

RANDOM = np.random.default_rng(0)
DATA = {
    "tenths": RANDOM.integers(0, 50, (400, 4)) / 10,
    "large integers": 1_700_000_000 + RANDOM.integers(0, 10_000, (400, 4)).astype(float),
    "offset": 1e4 + RANDOM.integers(0, 200, (400, 4)) / 100,
}
KINDS = (ensemble.GradientBoostingClassifier, ensemble.HistGradientBoostingClassifier)


def boosted(kind: type, **settings: Any) -> Any:
    """A small model of either kind."""
    rounds = "max_iter" if "Hist" in kind.__name__ else "n_estimators"
    return kind(**{rounds: 15}, **settings)


@pytest.mark.parametrize("data", DATA)
@pytest.mark.parametrize("kind", KINDS)
def test_no_row_differs(agrees: Agrees, kind: type, data: str) -> None:
    x = DATA[data]
    three = np.digitize(x[:, 0], np.quantile(x[:, 0], [0.3, 0.6]))
    agrees(boosted(kind).fit(x, three))
    done = agrees(make_pipeline(StandardScaler(), boosted(kind)).fit(x, three > 0))
    assert "thresholds" in {line.group for line in done.proof.lines}


@pytest.mark.parametrize("loss", ["squared_error", "absolute_error", "poisson", "gamma"])
def test_links_of_the_losses(agrees: Agrees, loss: str) -> None:
    x = DATA["tenths"]
    agrees(boosted(ensemble.HistGradientBoostingRegressor, loss=loss).fit(x, x[:, 0] + 0.1))


@pytest.mark.parametrize("init", [None, "zero", LogisticRegression()])
def test_first_guesses(agrees: Agrees, init: Any) -> None:
    x = DATA["tenths"]
    agrees(boosted(ensemble.GradientBoostingClassifier, init=init).fit(x, x[:, 0] > 2))


def test_native_categories_known_unseen_and_missing(agrees: Agrees) -> None:
    codes = RANDOM.integers(0, 12, (400, 2)) * 3.0
    codes[RANDOM.random((400, 2)) < 0.1] = np.nan
    x = np.column_stack([DATA["tenths"][:, 0], codes])
    y = DATA["tenths"][:, 0] + np.isin(codes[:, 0], [3, 9, 30]) * 2
    model = boosted(ensemble.HistGradientBoostingRegressor, categorical_features=[1, 2]).fit(x, y)
    splits = [nodes for stage in model._predictors for nodes in stage[0].nodes["is_categorical"]]
    assert any(splits)
    done = agrees(model)
    assert "missing" in {line.group for line in done.proof.lines}


def test_missing_values(agrees: Agrees) -> None:
    x = np.where(RANDOM.random((400, 4)) < 0.2, np.nan, DATA["tenths"])
    done = agrees(boosted(ensemble.HistGradientBoostingClassifier).fit(x, DATA["tenths"][:, 0] > 2))
    assert all(feature.nullable for feature in done.artefact.features)


@pytest.mark.parametrize("kind", [ensemble.GradientBoostingRegressor, ensemble.HistGradientBoostingRegressor])
def test_sums_are_the_same_to_the_last_digit(kind: type) -> None:
    """A calibration curve or a tree behind them may turn at that digit."""
    x = DATA["offset"]
    original = open_original(boosted(kind).fit(x, x @ [1.0, 0.1, 0.01, 7.0] + 1 / 3))
    features = describe(original)
    rows = {feature.name: x[:, at] for at, feature in enumerate(features)}
    expected = original.ask(rows)
    got = batched(Runtime(export(original, features, expected).model.SerializeToString()), features, rows)
    assert (got["value"] == expected["value"]).all()
