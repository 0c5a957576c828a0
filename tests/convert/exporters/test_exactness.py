"""Trees and boosters on numbers where float32 goes wrong: 10,000 rows of each kind, and none may differ."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from skl2onnx import to_onnx
from sklearn import ensemble, tree
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from convert.export import export
from convert.graph.graph import OPSETS, Array
from convert.original.original import open_original
from convert.original.schema import describe
from convert.proof.measure import compare
from convert.proof.parity import batched
from convert.proof.questions import ask_by_halves
from convert.proof.rows.synthetic import synthesise
from server.artefact.runtime import Runtime

ROWS, COLUMNS = 10_000, 6
DATA: dict[str, Callable[[np.random.Generator, int], Array]] = {
    "random": lambda chance, rows: chance.normal(size=(rows, COLUMNS)),
    "one decimal": lambda chance, rows: chance.integers(0, 100, (rows, COLUMNS)) / 10,
    "integers near 1.7e9": lambda chance, rows: 1.7e9 + chance.integers(0, 10_000, (rows, COLUMNS)),
    "hundredths from 1e4": lambda chance, rows: 1e4 + chance.integers(0, 200, (rows, COLUMNS)) / 100,
}
OWN: tuple[Any, ...] = (
    tree.DecisionTreeClassifier(random_state=0), tree.DecisionTreeRegressor(random_state=0),
    ensemble.RandomForestClassifier(100, random_state=0), ensemble.RandomForestRegressor(30, random_state=0),
    ensemble.ExtraTreesClassifier(100, random_state=0), ensemble.ExtraTreesRegressor(30, random_state=0),
    ensemble.GradientBoostingClassifier(), ensemble.GradientBoostingRegressor(),
    ensemble.HistGradientBoostingClassifier(), ensemble.HistGradientBoostingRegressor(),
)  # fmt: skip
OTHERS: dict[str, tuple[tuple[str, ...], dict[str, Any]]] = {
    "xgboost": (("XGBClassifier", "XGBRegressor"), {"n_jobs": 1}),
    "lightgbm": (("LGBMClassifier", "LGBMRegressor"), {"n_jobs": 1, "verbose": -1}),
    "catboost": (
        ("CatBoostClassifier", "CatBoostRegressor"),
        {"n_estimators": 100, "thread_count": 1, "verbose": 0, "allow_writing_files": False},
    ),
}


def wrong_rows(model: Any, held_out: Array) -> dict[str, int]:
    """How many of the held-out rows, and of rows at the thresholds, are answered differently."""
    original = open_original(model)
    features = describe(original)
    made = synthesise(features, original.hints, int(ROWS / 0.3) + 1)["thresholds"]
    tables = {"held out": dict(zip(original.names, held_out.T, strict=True)), "thresholds": made}
    asked = {name: ask_by_halves(original, table) for name, table in tables.items()}
    accepted = {name: pair for name, pair in asked.items() if pair is not None}
    graph = export(original, features, accepted["held out"][1]).model
    runtime = Runtime(graph.SerializeToString())
    wrong = {}
    for name, (table, expected) in accepted.items():
        got = dict(zip(expected, batched(runtime, features, table).values(), strict=True))
        off = np.any([compare(output, expected, got[output])[0] > 1 for output in expected], axis=0)
        assert len(off) >= ROWS
        wrong[name] = int(off.sum())
    return wrong


def check(model: Any, data: str) -> None:
    """Alone and behind a scaler."""
    chance = np.random.default_rng(0)
    x, held_out = DATA[data](chance, 2000), DATA[data](chance, ROWS)
    order = x[:, 0].argsort().argsort() + 0.5 * x[:, 1].argsort().argsort() + chance.normal(size=len(x))
    y = np.digitize(order, np.quantile(order, [0.5])) if hasattr(model, "predict_proba") else order
    for fitted in (clone(model).fit(x, y), make_pipeline(StandardScaler(), clone(model)).fit(x, y)):
        assert wrong_rows(fitted, held_out) == {"held out": 0, "thresholds": 0}


@pytest.mark.slow
@pytest.mark.parametrize("data", DATA)
@pytest.mark.parametrize("model", OWN, ids=lambda model: type(model).__name__)
def test_no_row_of_scikit_learns_trees_differs(model: Any, data: str) -> None:
    check(model, data)


@pytest.mark.slow
@pytest.mark.parametrize("data", DATA)
@pytest.mark.parametrize("package", OTHERS)
def test_no_row_of_a_booster_differs(package: str, data: str) -> None:
    pytest.importorskip(package, reason=f"{package} is an optional extra")
    names, settings = OTHERS[package]
    for name in names:
        check(getattr(importlib.import_module(package), name)(**settings), data)


def test_a_forest_is_not_larger_than_skl2onnxs() -> None:
    chance = np.random.default_rng(0)
    x = chance.normal(size=(500, 20))
    model = ensemble.RandomForestClassifier(50, random_state=0).fit(x, x[:, 0] + chance.normal(size=500) > 0)
    original = open_original(model)
    graph = export(original, describe(original), original.ask(dict(zip(original.names, x.T, strict=True)))).model
    options = {"zipmap": False}
    theirs = to_onnx(model, x[:1].astype(np.float32), target_opset=OPSETS, options=options)
    assert graph.ByteSize() <= 1.1 * theirs.ByteSize()
