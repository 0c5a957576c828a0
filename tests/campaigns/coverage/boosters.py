"""Owns the cases of the optional boosters that are installed. Knows nothing of converting."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas
from sklearn import feature_selection, pipeline, preprocessing
from sklearn.feature_extraction import text

from tests.campaigns.coverage.data import Case, case, documents, labels, mixed, numbers, random, scaled, signal


def boosters() -> Iterator[Case]:
    """The optional packages that are installed: alone, behind a scaler, with missing values and with categories."""
    x = numbers()
    holes = np.where(random().random(x.shape) < 0.2, np.nan, x)
    three, two, value = labels("three integers", x), labels("two integers", x), signal(x)
    for package, quiet in BOOSTERS.items():
        if importlib.util.find_spec(package) is None:
            continue
        library = importlib.import_module(package)
        short = {"catboost": "CatBoost", "lightgbm": "LGBM", "xgboost": "XGB"}[package]
        sort, regress = (getattr(library, f"{short}{kind}") for kind in ("Classifier", "Regressor"))
        for name, y in (("two", two), ("three", three)):
            model = sort(n_estimators=20, **quiet)
            yield case("boosters", f"{sort.__name__}, {name}", model, x, y)
            yield case("boosters", f"StandardScaler > {sort.__name__}, {name}", scaled(model), x, y)
        yield case("boosters", regress.__name__, regress(n_estimators=20, **quiet), x, value)
        yield case("boosters", f"StandardScaler > {regress.__name__}", scaled(regress(**quiet)), x, value)
        yield case("boosters", f"{sort.__name__}, missing values", sort(n_estimators=20, **quiet), holes, three)
        yield Case("boosters", f"{sort.__name__}, categories", _with_categories(sort, package, quiet))
        for name, steps, (rows, y) in _sparse():
            model = pipeline.make_pipeline(*steps, sort(n_estimators=20, **quiet))
            yield case("boosters", f"{name} > {sort.__name__}", model, rows, y)


def _sparse() -> Iterator[tuple[str, list[Any], Any]]:
    """Steps that hand on a sparse matrix, in which XGBoost takes what is absent for missing."""
    table, y = mixed()
    words = table[["city", "plan"]], (y == "gone").astype(int)
    one_hot = preprocessing.OneHotEncoder(handle_unknown="ignore")
    yield "one-hot", [one_hot], words
    yield "one-hot > KBest", [one_hot, feature_selection.SelectKBest(k=3)], words
    yield "one-hot > MaxAbsScaler", [one_hot, preprocessing.MaxAbsScaler()], words
    yield "words", [text.CountVectorizer()], documents()
    yield "tf-idf", [text.TfidfVectorizer()], documents()


BOOSTERS: dict[str, dict[str, Any]] = {
    "catboost": {"verbose": 0, "allow_writing_files": False, "thread_count": 1},
    "lightgbm": {"verbose": -1, "n_jobs": 1},
    "xgboost": {"n_jobs": 1},
}


TOLD: dict[str, dict[str, Any]] = {  # which columns hold categories; LightGBM sees it
    "catboost": {"cat_features": ["plan"]},
    "xgboost": {"enable_categorical": True},
}


def _with_categories(kind: Any, package: str, quiet: dict[str, Any]) -> Callable[[], Any]:
    def make() -> Any:
        table, _ = mixed()
        x = table[["Age (years)", "income"]].assign(plan=pandas.Categorical(table["plan"]))
        y = ((x["plan"] == "a") ^ (x["income"] > 20_000)).astype(int)
        return kind(n_estimators=20, **quiet, **TOLD.get(package, {})).fit(x.fillna({"income": 0.0}), y)

    return make
