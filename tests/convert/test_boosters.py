"""Optional boosters, alone and behind a scaler: exact at thresholds, with missing values, on awkward numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from convert.job import Converted

Agrees = Callable[..., Converted]

RANDOM = np.random.default_rng(0)
DATA = {
    "random": RANDOM.normal(size=(500, 4)),
    "large integers": 1_700_000_000 + RANDOM.integers(0, 10_000, (500, 4)).astype(float),
    "offset": 1e4 + RANDOM.integers(0, 200, (500, 4)) / 100,
    "missing": np.where(RANDOM.random((500, 4)) < 0.2, np.nan, RANDOM.normal(size=(500, 4))),
}
MODELS: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "xgboost": [
        ("XGBClassifier", {}),
        ("XGBRegressor", {}),
        ("XGBRegressor", {"booster": "dart", "rate_drop": 0.2}),
        ("XGBRegressor", {"objective": "count:poisson"}),
    ],
    "lightgbm": [
        ("LGBMClassifier", {"verbose": -1}),
        ("LGBMRegressor", {"verbose": -1}),
        ("LGBMRegressor", {"verbose": -1, "zero_as_missing": True}),
    ],
}


@pytest.mark.parametrize("data", DATA)
@pytest.mark.parametrize("package", MODELS)
def test_no_row_differs(agrees: Agrees, package: str, data: str) -> None:
    library = pytest.importorskip(package, reason=f"{package} is an optional extra")
    x = DATA[data]
    value = np.nan_to_num(x[:, 0])
    three = np.digitize(value, np.quantile(value, [0.3, 0.6]))
    for name, settings in MODELS[package]:
        model: Any = getattr(library, name)(n_estimators=15, n_jobs=1, **settings)
        targets = (three, (three > 0).astype(int)) if name.endswith("Classifier") else (three.astype(float),)
        for target in targets:
            agrees(clone(model).fit(x, target))
            agrees(make_pipeline(StandardScaler(), clone(model)).fit(x, target))
