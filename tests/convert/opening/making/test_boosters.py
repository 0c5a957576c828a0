"""Boosters: read from their own text or bytes, never from a path, and their trees are looked through."""

from __future__ import annotations

import json
import pickle
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convert.errors import Refused
from convert.opening.making.boosters import described
from convert.opening.making.xgboosters import check_xgboost
from convert.opening.opener import OpenPolicy, open_model
from tests.support.convert.hostile import built, called, made, mapping, named, program, value

ROWS = np.random.default_rng(0).normal(size=(200, 3))
TARGETS = np.arange(200) % 2


def refusal(pickled: bytes) -> str:
    with pytest.raises(Refused) as refused:
        open_model(pickled, OpenPolicy(any_version=True))
    return refused.value.reason


@pytest.mark.parametrize("booster", ["lightgbm.basic.Booster", "xgboost.core.Booster"])
def test_no_path_is_opened(booster: str, tmp_path: Path) -> None:
    pytest.importorskip(booster.split(".")[0], reason="an optional extra")
    path = tmp_path / "model.txt"
    assert "calls the class" in refusal(program(called(named(booster), value(None), value(None), value(str(path)))))
    assert "makes a new object" in refusal(program(made(booster, value(str(path)))))
    for state in ({"model_file": str(path)}, {"handle": str(path)}, {"_handle": 12345}, {"handle": 12345}):
        refusal(program(built(made(booster), value(state))))


@pytest.fixture(scope="module")
def light() -> str:
    """The text of a LightGBM model with a column of categories."""
    lightgbm = pytest.importorskip("lightgbm", reason="an optional extra")
    rows = np.column_stack([np.arange(200) % 5, ROWS])
    model = lightgbm.LGBMRegressor(n_estimators=2, min_child_samples=2, verbose=-1, cat_smooth=0, min_data_per_group=1)
    model.fit(rows, rows[:, 0] % 2 * 5 + rows[:, 1], categorical_feature=[0])
    return str(model.booster_.model_to_string())


def _light(text: str) -> bytes:
    return program(built(made("lightgbm.basic.Booster"), mapping(_handle=value(text))))


@pytest.mark.parametrize(
    ("field", "broken"),
    [
        ("split_feature", "268435456"),
        ("left_child", "268435456"),
        ("right_child", "-268435456"),
        ("left_child", "0"),
        ("num_leaves", "268435456"),
        ("num_cat", "268435456"),
        ("cat_boundaries", "268435456"),
        ("threshold", "268435456"),
    ],
)
def test_a_tree_of_lightgbm_that_points_outside_is_refused(light: str, field: str, broken: str) -> None:
    open_model(_light(light), OpenPolicy(any_version=True))
    text, changes = re.subn(rf"(?m)^{field}=\S+", f"{field}={broken}", light, count=1)
    assert changes
    assert "LightGBM" in refusal(_light(text))


def test_a_tree_of_xgboost_that_points_outside_is_refused() -> None:
    xgboost = pytest.importorskip("xgboost", reason="an optional extra")
    model = xgboost.XGBRegressor(n_estimators=1, max_depth=2).fit(ROWS, TARGETS)
    learner = json.loads(bytes(model.get_booster().save_raw("json")))["learner"]
    check_xgboost(learner)
    for field, broken in (("left_children", 1 << 28), ("right_children", 0), ("split_indices", 1 << 28)):
        tree: Any = json.loads(json.dumps(learner))
        tree["gradient_booster"]["model"]["trees"][0][field][0] = broken
        with pytest.raises(Refused, match="points outside its own nodes"):
            check_xgboost(tree)


def test_a_linear_model_of_xgboost_has_a_weight_for_each_column() -> None:
    xgboost = pytest.importorskip("xgboost", reason="an optional extra")
    for targets, settings in ((TARGETS, {}), (np.arange(200) % 3, {"objective": "multi:softprob", "num_class": 3})):
        booster = xgboost.train({"booster": "gblinear", **settings}, xgboost.DMatrix(ROWS, targets), 2)
        learner = json.loads(bytes(booster.save_raw("json")))["learner"]
        check_xgboost(learner)
        learner["gradient_booster"]["model"]["weights"].pop()
        with pytest.raises(Refused, match="a weight for each column"):
            check_xgboost(learner)


def test_what_a_booster_holds_is_its_own() -> None:
    names: list[Any] = ["a", "b", "c"]
    _, rest = described({"feature_names": names, "handle": b""}, "handle")
    names.append(print)
    assert rest == {"feature_names": ["a", "b", "c"]}


def test_a_booster_holds_only_data() -> None:
    pytest.importorskip("catboost", reason="an optional extra")
    for kind in ("lightgbm.basic.Booster", "xgboost.core.Booster", "catboost.core.CatBoostRegressor"):
        state = mapping(_handle=value("x"), handle=value(b"x"), params=named("numpy.log1p"))
        assert "something else than plain data" in refusal(program(built(made(kind), state)))


def test_boosters_answer_as_before() -> None:
    for package, name in (
        ("lightgbm", "LGBMClassifier"),
        ("xgboost", "XGBClassifier"),
        ("catboost", "CatBoostClassifier"),
    ):
        module = pytest.importorskip(package, reason="an optional extra")
        quiet = {"lightgbm": {"verbose": -1}, "catboost": {"verbose": 0}}.get(package, {})
        model = getattr(module, name)(n_estimators=3, **quiet).fit(ROWS, TARGETS)
        opened = open_model(pickle.dumps(model))
        np.testing.assert_array_equal(opened.predict_proba(ROWS), model.predict_proba(ROWS))


@pytest.mark.parametrize("package", ["lightgbm", "xgboost"])
def test_a_bare_booster_opens_and_an_empty_one_does_not(package: str) -> None:
    module = pytest.importorskip(package, reason="an optional extra")
    model = getattr(module, {"lightgbm": "LGBM", "xgboost": "XGB"}[package] + "Regressor")(n_estimators=2)
    model.fit(ROWS, ROWS[:, 0])
    bare = model.get_booster() if package == "xgboost" else model.booster_
    assert type(open_model(pickle.dumps(bare))) is module.Booster
    name = {"lightgbm": "lightgbm.basic.Booster", "xgboost": "xgboost.core.Booster"}[package]
    assert "gives it no state" in refusal(program(made(name)))


def test_linear_trees_are_refused_by_name() -> None:
    lightgbm = pytest.importorskip("lightgbm", reason="an optional extra")
    model = lightgbm.LGBMRegressor(n_estimators=2, linear_tree=True, verbose=-1).fit(ROWS, ROWS[:, 0])
    assert "linear trees have no exporter" in refusal(pickle.dumps(model))
