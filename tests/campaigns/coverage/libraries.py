"""Owns the cases of the libraries round scikit-learn that are installed, by group. Knows nothing of converting."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterator
from typing import Any

from sklearn import compose, impute, linear_model, model_selection, preprocessing, tree
from sklearn.feature_extraction import text

from tests.campaigns.coverage.data import Case, case, documents, labels, mixed, numbers

COMBINED = ("SMOTEENN", "SMOTETomek")
UNDER = (
    "ClusterCentroids",
    "EditedNearestNeighbours",
    "NearMiss",
    "OneSidedSelection",
    "RandomUnderSampler",
    "TomekLinks",
)
OVER = ("ADASYN", "BorderlineSMOTE", "KMeansSMOTE", "RandomOverSampler", "SMOTE", "SVMSMOTE")


def imbalanced() -> Iterator[Case]:
    """imbalanced-learn: each kind of sampler in a pipeline, and the balanced ensembles."""
    if importlib.util.find_spec("imblearn") is None:
        return
    found = [importlib.import_module(f"imblearn.{name}") for name in ("combine", "over_sampling", "under_sampling")]
    x = numbers()
    rare = (labels("three integers", x) == 0).astype(int)
    make = importlib.import_module("imblearn.pipeline").make_pipeline
    for module, names in zip(found, (COMBINED, OVER, UNDER), strict=True):
        for name in names:
            logistic = linear_model.LogisticRegression(max_iter=1000)
            model = make(preprocessing.StandardScaler(), getattr(module, name)(), logistic)
            yield case("imbalanced", f"StandardScaler > {name} > LogisticRegression", model, x, rare)
    yield from _mixed_samples(make, found[1])
    ensembles = importlib.import_module("imblearn.ensemble")
    for target in ("two words", "three words"):
        y = labels(target, x)
        for model in (
            ensembles.BalancedRandomForestClassifier(10, random_state=0),
            ensembles.BalancedBaggingClassifier(n_estimators=5, random_state=0),
            ensembles.BalancedBaggingClassifier(linear_model.LogisticRegression(), n_estimators=5, random_state=0),
            ensembles.EasyEnsembleClassifier(3, random_state=0),
            ensembles.RUSBoostClassifier(tree.DecisionTreeClassifier(max_depth=2), n_estimators=5, random_state=0),
        ):
            yield case("imbalanced", f"{' '.join(repr(model).split())}, {target}", model, x, y)


def _mixed_samples(make: Any, over: Any) -> Iterator[Case]:
    """Samplers before and behind columns of words, behind texts, in a search."""
    table, y = mixed()
    table["income"] = table["income"].fillna(0.0)
    one_hot = preprocessing.OneHotEncoder(handle_unknown="ignore")
    encoded = compose.make_column_transformer((one_hot, ["city", "plan"]), remainder=impute.SimpleImputer())
    logistic = linear_model.LogisticRegression(max_iter=1000)
    words = make(over.SMOTENC(["city", "plan"], random_state=0), encoded, logistic)
    yield case("imbalanced", "SMOTENC > columns > LogisticRegression", words, table.drop(columns="member"), y)
    behind = make(encoded, over.SMOTE(random_state=0), logistic)
    yield case("imbalanced", "columns > SMOTE > LogisticRegression", behind, table, y)
    search = model_selection.GridSearchCV(behind, {"smote__k_neighbors": [3, 5]}, cv=2)
    yield case("imbalanced", "search over SMOTE's neighbours", search, table, y)
    read = make(text.TfidfVectorizer(), over.RandomOverSampler(random_state=0), logistic)
    yield case("imbalanced", "tf-idf > RandomOverSampler > LogisticRegression", read, *documents())


GROUPS = (imbalanced,)
REFUSED: frozenset[str] = frozenset()  # by name, with a reason
