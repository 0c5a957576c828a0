"""Optional boosters, alone and behind a scaler: exact at thresholds, with missing values, on awkward numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas
import pytest
from sklearn.base import clone
from sklearn.ensemble import BaggingClassifier, StackingClassifier
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from convert.errors import Refused
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
        ("LGBMRegressor", {"verbose": -1, "reg_sqrt": True}),
    ],
    "catboost": [
        ("CatBoostClassifier", {}),
        ("CatBoostRegressor", {}),
        ("CatBoostRegressor", {"nan_mode": "Max"}),
        ("CatBoostRegressor", {"loss_function": "Poisson"}),
        ("CatBoostClassifier", {"loss_function": "MultiClassOneVsAll"}),
    ],
}
SINGLE: dict[str, dict[str, Any]] = {
    "xgboost": {"n_jobs": 1},
    "lightgbm": {"n_jobs": 1},
    "catboost": {"thread_count": 1, "verbose": 0, "allow_writing_files": False},
}


@pytest.mark.parametrize("data", DATA)
@pytest.mark.parametrize("package", MODELS)
def test_no_row_differs(agrees: Agrees, package: str, data: str) -> None:
    library = pytest.importorskip(package, reason=f"{package} is an optional extra")
    x = DATA[data]
    value = np.nan_to_num(x[:, 0])
    three = np.digitize(value, np.quantile(value, [0.3, 0.6]))
    for name, settings in MODELS[package]:
        model: Any = getattr(library, name)(n_estimators=15, **SINGLE[package], **settings)
        targets = (three, (three > 0).astype(int)) if name.endswith("Classifier") else (three.astype(float),)
        for target in targets:
            agrees(clone(model).fit(x, target))
        if (name, settings) == MODELS[package][0]:  # what stands before the trees asks nothing of their kind
            agrees(make_pipeline(StandardScaler(), clone(model)).fit(x, three))


def table(cities: list[str | None]) -> tuple[Any, Any]:
    """Numbers, and pandas categories: words, whole numbers, booleans; some words are missing. Two classes."""
    chance = np.random.default_rng(1)
    table = pandas.DataFrame(
        {
            "a": chance.normal(size=500),
            "city": pandas.Categorical(chance.choice(np.array(cities, object), 500)),
            "floor": pandas.Categorical(chance.integers(3, 9, 500)),
            "member": pandas.Categorical(chance.random(500) < 0.5),
            "b": chance.normal(size=500),
        }
    )
    y = table.city.isin(["Bern", "Paris"]) ^ table.floor.isin([3, 5, 8]) ^ (table.a > table.member.astype(float))
    return table, y.astype(int)


NATIVE: dict[str, tuple[str, dict[str, Any]]] = {
    "lightgbm": ("LGBMClassifier", {"verbose": -1, "min_data_per_group": 5, "cat_smooth": 1, "n_jobs": 1}),
    "xgboost, sets": ("XGBClassifier", {"enable_categorical": True, "max_cat_to_onehot": 1, "n_jobs": 1}),
    "xgboost, one each": ("XGBClassifier", {"enable_categorical": True, "max_cat_to_onehot": 9, "n_jobs": 1}),
    "xgboost, dart": ("XGBClassifier", {"enable_categorical": True, "booster": "dart", "n_jobs": 1}),
}


BOOLEAN = {"lightgbm": "bool", "xgboost": "float64"}  # a plain column of booleans is one of numbers


@pytest.mark.parametrize("case", NATIVE)
def test_pandas_categories_agree(agrees: Agrees, case: str) -> None:
    package = case.split(",")[0]
    library = pytest.importorskip(package, reason=f"{package} is an optional extra")
    name, settings = NATIVE[case]
    cities: list[str | None] = ["Bern", "Paris", "Rome", "Oslo", "Lima", None]
    x, y = table([*cities, "Zürich"] if package == "lightgbm" else cities)
    if package == "xgboost":
        x["member"] = x.member.astype(bool)  # XGBoost has no categories of booleans
    done = agrees(getattr(library, name)(n_estimators=15, **settings).fit(x, y))
    features = {feature.name: feature for feature in done.artefact.features}
    assert [feature.dtype for feature in features.values()] == [
        "float64",
        "string",
        "float64",
        BOOLEAN[package],
        "float64",
    ]
    assert features["city"].nullable
    closed = features["city"].categories
    assert (closed is None) == (package == "lightgbm")  # an unknown city is a missing one to LightGBM alone
    agrees(make_pipeline("passthrough", getattr(library, name)(n_estimators=5, **settings)).fit(x, y))


def test_whole_numbers_as_categories_agree(agrees: Agrees) -> None:
    lightgbm = pytest.importorskip("lightgbm", reason="lightgbm is an optional extra")
    chance = np.random.default_rng(2)
    x = np.column_stack([chance.normal(size=500), chance.integers(0, 40, 500), chance.normal(size=500)])
    y = np.isin(x[:, 1], [1, 5, 17, 30]) ^ (x[:, 0] > 0.5)
    model = lightgbm.LGBMClassifier(n_estimators=15, verbose=-1, min_data_per_group=5, cat_smooth=1, n_jobs=1)
    agrees(model.fit(x, y, categorical_feature=[1]))
    xgboost = pytest.importorskip("xgboost", reason="xgboost is an optional extra")
    for most in (1, 50):
        typed = xgboost.XGBClassifier(n_estimators=9, feature_types=["q", "c", "q"], max_cat_to_onehot=most, n_jobs=1)
        agrees(typed.set_params(enable_categorical=True).fit(x, y))


def test_training_that_was_ended_early_by_a_callback_predicts_with_the_best_rounds(agrees: Agrees) -> None:
    xgboost = pytest.importorskip("xgboost", reason="xgboost is an optional extra")
    x = DATA["random"]
    y = x[:, 0] + RANDOM.normal(size=500)
    model = xgboost.XGBRegressor(n_estimators=60, callbacks=[xgboost.callback.EarlyStopping(rounds=3)], n_jobs=1)
    model.fit(x[:300], y[:300], eval_set=[(x[300:], y[300:])], verbose=False)
    assert model.best_iteration + 1 < model.get_booster().num_boosted_rounds()
    model.set_params(callbacks=None)  # as people do before pickling, because a callback keeps what it saw
    agrees(model)


def test_categories_that_cannot_be_told_are_refused_by_name(converted: Agrees) -> None:
    x, y = table(["Bern", "Paris", "Łódź"])
    x["member"] = x.member.astype(bool)
    xgboost = pytest.importorskip("xgboost", reason="xgboost is an optional extra")
    with pytest.raises(Refused, match="ASCII") as refusal:
        converted(xgboost.XGBClassifier(n_estimators=3, enable_categorical=True, n_jobs=1).fit(x, y))
    assert refusal.value.where == "XGBClassifier"
    lightgbm = pytest.importorskip("lightgbm", reason="lightgbm is an optional extra")
    ordered = x.assign(floor=x.floor.cat.as_ordered())
    with pytest.raises(Refused, match="which columns its pandas categories belong to"):
        converted(lightgbm.LGBMClassifier(n_estimators=3, verbose=-1, n_jobs=1).fit(ordered, y))


def test_what_catboost_has_of_its_own_is_refused_by_name(converted: Agrees) -> None:
    catboost = pytest.importorskip("catboost", reason="catboost is an optional extra")
    x = pandas.DataFrame({"a": DATA["random"][:, 0], "city": ["Bern", "Paris"] * 250})
    model = catboost.CatBoostClassifier(n_estimators=3, cat_features=["city"], **SINGLE["catboost"])
    with pytest.raises(Refused, match=r"category columns \(city\)"):
        converted(model.fit(x, x.a > 0))
    uneven = catboost.CatBoostRegressor(n_estimators=3, grow_policy="Lossguide", **SINGLE["catboost"])
    with pytest.raises(Refused, match="not symmetric"):
        converted(uneven.fit(DATA["random"], DATA["random"][:, 0]))


@pytest.mark.parametrize("package", MODELS)
def test_wrappers_hold_one_that_is_not_fitted_beside_those_that_are(converted: Agrees, package: str) -> None:
    library = pytest.importorskip(package, reason=f"{package} is an optional extra")
    kind, settings = MODELS[package][0]
    booster = getattr(library, kind)(n_estimators=2, **settings, **SINGLE[package])
    x = DATA["random"]
    three = np.digitize(x[:, 0], [-0.5, 0.5])
    for wrapper in (
        BaggingClassifier(booster, 2),
        OneVsRestClassifier(booster),
        StackingClassifier([("booster", booster)], cv=2),
    ):
        assert not converted(wrapper.fit(x, three)).proof.wrong
