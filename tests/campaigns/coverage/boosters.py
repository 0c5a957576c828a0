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

from tests.campaigns.coverage.data import COLUMNS, Case, case, documents, labels, mixed, numbers, random, scaled, signal


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
        yield from _native(package, library)
        for name, steps, (rows, y) in _sparse():
            model = pipeline.make_pipeline(*steps, sort(n_estimators=20, **quiet))
            yield case("boosters", f"{name} > {sort.__name__}", model, rows, y)


def _native(package: str, library: Any) -> Iterator[Case]:
    """Boosters without an estimator round them, and rankers."""
    x = numbers()
    two, three, value = labels("two integers", x), labels("three integers", x), np.abs(signal(x))
    known: dict[str, tuple[Any, ...]] = {
        "xgboost": (("binary:logistic", two), ("binary:logitraw", two), ("multi:softprob", three),
                    ("multi:softmax", three), ("reg:squarederror", value), ("count:poisson", value)),
        "lightgbm": (("binary", two), ("multiclass", three), ("multiclassova", three), ("regression", value),
                     ("poisson", value)),
    }  # fmt: skip
    objectives = known.get(package, ())
    for objective, y in objectives:
        settings = {"objective": objective, **({"num_class": 3} if y is three else {})}
        yield Case("boosters", f"{package}.Booster, {objective}", _trained(package, library, settings, y))
    if objectives:
        ranker = library.XGBRanker if package == "xgboost" else library.LGBMRanker
        made = ranker(n_estimators=10, **BOOSTERS[package])
        yield Case("boosters", ranker.__name__, lambda: made.fit(x, three, group=[10] * (len(x) // 10)))


def _trained(package: str, library: Any, settings: dict[str, Any], y: Any) -> Callable[[], Any]:
    x = pandas.DataFrame(numbers(), columns=[f"column {i}" for i in range(COLUMNS)])
    if package == "xgboost":
        return lambda: library.train({"nthread": 1, **settings}, library.DMatrix(x, y), 15)
    plain = x.rename(columns=lambda name: name.replace(" ", "_"))
    return lambda: library.train({"verbose": -1, "num_threads": 1, **settings}, library.Dataset(plain, y), 15)


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
