"""Fits and pickles small models, and writes what they answer: run by an interpreter with some scikit-learn.

``python models.py FOLDER`` writes NAME.pkl or NAME.joblib for each, and answers.json with rows and answers by name.
Plain Python 3.8, and nothing of this project is imported: it runs where the project does not.
"""

from __future__ import annotations

import gzip
import json
import pickle
import sys
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas
import sklearn
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.datasets import load_diabetes, load_iris
from sklearn.ensemble import (
    AdaBoostClassifier,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
    VotingClassifier,
)
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, PoissonRegressor, Ridge, RidgeClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler
from sklearn.svm import SVC, SVR

VERSION = tuple(int(part) for part in sklearn.__version__.split(".")[:2])
ROWS = 6  # with answers, for the tests that have no environment
IRIS = load_iris(as_frame=True)
FLOWERS, SPECIES = IRIS.data, IRIS.target_names[IRIS.target]
TWO = SPECIES != "setosa"
BODY, PROGRESS = load_diabetes(return_X_y=True)
BODY, PROGRESS = BODY[:120], PROGRESS[:120]
GOOD, BAD = ["good", "great", "fine", "lovely", "nice"], ["bad", "awful", "poor", "dull", "sad"]
WORDS = [*GOOD, *BAD, "film", "plot", "music", "cast", "scene"]


def customers() -> tuple[Any, Any]:
    """A table of numbers, some missing, and words, some missing; and whether each left."""
    random = np.random.RandomState(0)
    table = pandas.DataFrame(
        {
            "age": random.randint(18, 80, 160).astype(float),
            "balance": random.normal(1000, 400, 160).round(1),
            "plan": random.choice(["basic", "plus", "pro"], 160).astype(object),
            "city": random.choice(["Oslo", "Porto", "Lyon"], 160).astype(object),
        }
    )
    left = np.where((table["plan"] == "basic") ^ (table["balance"] < 900), "left", "stayed")
    table.loc[::9, "balance"] = np.nan
    table.loc[::11, "city"] = np.nan
    return table, left


def reviews() -> tuple[Any, Any]:
    """Texts of eight words, and whether the good words outnumber the bad."""
    random = np.random.RandomState(1)
    texts = [" ".join(random.choice(WORDS, 8)) for _ in range(80)]
    return texts, [int(sum(w in GOOD for w in t.split()) > sum(w in BAD for w in t.split())) for t in texts]


def mixed(last: Any) -> Pipeline:
    """Numbers imputed and scaled, words imputed and one-hot, then ``last``."""
    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    words = make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore"))
    columns = [("numbers", numbers, ["age", "balance"]), ("words", words, ["plan", "city"])]
    return Pipeline([("columns", ColumnTransformer(columns)), ("last", last)])


def with_holes() -> Any:
    """Flowers with missing numbers."""
    rows = FLOWERS.to_numpy().copy()
    rows[::7, 1] = np.nan
    return rows


def models() -> dict[str, tuple[Any, Any]]:
    """By name, each with rows to ask it."""
    table, left = customers()
    texts, liked = reviews()
    kinds = np.column_stack([BODY[:, 2], np.arange(len(BODY)) % 5])
    encoded = ColumnTransformer([("o", OrdinalEncoder(), ["plan"])], remainder="passthrough")
    each: dict[str, Any] = {"multi_class": "ovr"} if VERSION < (1, 8) else {}
    fits = {
        "ada-classes": (AdaBoostClassifier(n_estimators=3, random_state=0), FLOWERS, SPECIES),
        "boosting-classes": (GradientBoostingClassifier(n_estimators=4, max_depth=2, random_state=0), FLOWERS, SPECIES),
        "boosting-two": (GradientBoostingClassifier(n_estimators=6, random_state=0), FLOWERS[TWO], SPECIES[TWO]),
        "boosting-numbers": (
            GradientBoostingRegressor(n_estimators=6, max_depth=2, loss="huber", random_state=0),
            BODY,
            PROGRESS,
        ),
        "forest-classes": (RandomForestClassifier(4, max_depth=4, n_jobs=2, random_state=0), FLOWERS, SPECIES),
        "forest-numbers": (RandomForestRegressor(3, max_depth=4, random_state=0), BODY, PROGRESS),
        "histograms-classes": (
            HistGradientBoostingClassifier(max_iter=3, max_leaf_nodes=6, min_samples_leaf=5),
            with_holes(),
            SPECIES,
        ),
        "histograms-two": (
            HistGradientBoostingClassifier(max_iter=4, max_leaf_nodes=5, min_samples_leaf=5),
            FLOWERS[TWO],
            SPECIES[TWO],
        ),
        "histograms-numbers": (
            HistGradientBoostingRegressor(
                max_iter=4, max_leaf_nodes=5, min_samples_leaf=5, categorical_features=[1], loss="poisson"
            ),
            kinds,
            PROGRESS,
        ),
        "linear-classes": (make_pipeline(StandardScaler(), LogisticRegression()), FLOWERS, SPECIES),
        "linear-each": (LogisticRegression(**each), FLOWERS, SPECIES),
        "linear-logarithm": (
            TransformedTargetRegressor(Ridge(), func=np.log1p, inverse_func=np.expm1),
            BODY,
            PROGRESS,
        ),
        "linear-poisson": (PoissonRegressor(), BODY, PROGRESS),
        "linear-scores": (RidgeClassifier(), FLOWERS, SPECIES),
        "linear-numbers": (make_pipeline(StandardScaler(), Ridge()), BODY, PROGRESS),
        "linear-two": (LogisticRegression(), FLOWERS[TWO].to_numpy(), (SPECIES == "virginica")[TWO]),
        "mixed-forest": (mixed(RandomForestClassifier(4, max_depth=3, random_state=0)), table, left),
        "mixed-histograms": (
            make_pipeline(encoded, HistGradientBoostingClassifier(max_iter=4, max_leaf_nodes=5)),
            table[["plan", "age", "balance"]],
            left,
        ),
        "mixed-linear": (mixed(LogisticRegression()), table, left),
        "nearest-classes": (KNeighborsClassifier(5), FLOWERS.to_numpy()[::2], SPECIES[::2]),
        "nearest-numbers": (KNeighborsRegressor(3, algorithm="brute", weights="distance"), BODY[:40], PROGRESS[:40]),
        "network-classes": (MLPClassifier(hidden_layer_sizes=(5,), max_iter=40, random_state=0), FLOWERS, SPECIES),
        "network-numbers": (
            make_pipeline(StandardScaler(), MLPRegressor(hidden_layer_sizes=(4,), max_iter=40, random_state=0)),
            BODY,
            PROGRESS,
        ),
        "search": (GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, cv=3), FLOWERS, SPECIES),
        "texts": (make_pipeline(TfidfVectorizer(ngram_range=(1, 2), min_df=2), LogisticRegression()), texts, liked),
        "vote": (VotingClassifier([("a", LogisticRegression()), ("b", GaussianNB())], voting="soft"), FLOWERS, SPECIES),
        "vectors-classes": (SVC(), FLOWERS, SPECIES),
        "vectors-numbers": (make_pipeline(StandardScaler(), SVR()), BODY[:60], PROGRESS[:60]),
        "vectors-two": (SVC(kernel="poly", degree=2), FLOWERS[TWO], SPECIES[TWO]),
    }
    return {name: (model.fit(rows, answers), rows) for name, (model, rows, answers) in fits.items()}


def answers_of(model: Any, rows: Any) -> dict[str, Any]:
    """As the file would give them."""
    found = {"predict": model.predict(rows)}
    if hasattr(model, "predict_proba"):
        found["predict_proba"] = model.predict_proba(rows)
    return {name: np.asarray(values).tolist() for name, values in found.items()}


def main(folder: Path) -> None:
    """Writes every model; those with an even place by joblib."""
    folder.mkdir(parents=True, exist_ok=True)
    answers = {"scikit-learn": sklearn.__version__, "numpy": np.__version__, "python": sys.version.split()[0]}
    for place, (name, (model, rows)) in enumerate(sorted(models().items())):
        few: Any = rows[:ROWS] if isinstance(rows, list) else pandas.DataFrame(rows)[::7][:ROWS]
        asked = few if isinstance(rows, (list, pandas.DataFrame)) else few.to_numpy()
        if place % 3 == 0:
            joblib.dump(model, folder / (name + ".joblib"), compress=("zlib", 9))
        else:
            with gzip.GzipFile(folder / (name + ".pkl"), "wb", mtime=0) as file:
                pickle.dump(model, file)
        listed = few if isinstance(rows, list) else json.loads(few.to_json(orient="values", double_precision=15))
        answers[name] = {"rows": listed, **answers_of(model, asked)}
    (folder / "answers.json").write_text(json.dumps(answers) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
