"""Owns the cases of scikit-learn's own estimators, each by itself with every kind of target.

Knows nothing of converting, nor of what people build of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from sklearn import base, linear_model, naive_bayes, tree, utils

from tests.campaigns.coverage.data import COLUMNS, Case, labels, numbers, random, signal

TARGETS = ("two integers", "three integers", "two words", "three words", "booleans")
NEEDS = {  # what an estimator cannot be made without
    "ClassifierChain": lambda k: k(linear_model.LogisticRegression()),
    "RegressorChain": lambda k: k(linear_model.Ridge()),
    "MultiOutputClassifier": lambda k: k(linear_model.LogisticRegression()),
    "MultiOutputRegressor": lambda k: k(linear_model.Ridge()),
    "OneVsRestClassifier": lambda k: k(linear_model.LogisticRegression()),
    "OneVsOneClassifier": lambda k: k(linear_model.LogisticRegression()),
    "OutputCodeClassifier": lambda k: k(linear_model.LogisticRegression(), random_state=0),
    "SelfTrainingClassifier": lambda k: k(linear_model.LogisticRegression()),
    "FixedThresholdClassifier": lambda k: k(linear_model.LogisticRegression(), threshold=0.3),
    "TunedThresholdClassifierCV": lambda k: k(linear_model.LogisticRegression()),
    "StackingClassifier": lambda k: k([("a", linear_model.LogisticRegression()), ("b", naive_bayes.GaussianNB())]),
    "StackingRegressor": lambda k: k([("a", linear_model.Ridge()), ("b", tree.DecisionTreeRegressor(max_depth=3))]),
    "VotingClassifier": lambda k: k([("a", linear_model.LogisticRegression()), ("b", naive_bayes.GaussianNB())]),
    "VotingRegressor": lambda k: k([("a", linear_model.Ridge()), ("b", tree.DecisionTreeRegressor(max_depth=3))]),
    "GridSearchCV": lambda k: k(linear_model.LogisticRegression(), {"C": [0.1, 1.0]}, cv=2),
    "RandomizedSearchCV": lambda k: k(linear_model.LogisticRegression(), {"C": [0.1, 1.0]}, n_iter=2, cv=2),
    "HalvingGridSearchCV": lambda k: k(linear_model.LogisticRegression(), {"C": [0.1, 1.0]}, cv=2, min_resources=100),
    "HalvingRandomSearchCV": lambda k: k(
        linear_model.LogisticRegression(), {"C": [0.1, 1.0]}, n_candidates=2, cv=2, min_resources=100
    ),
    "FrozenEstimator": lambda k: k(linear_model.LogisticRegression().fit(numbers(), labels("two words", numbers()))),
    "SelectFromModel": lambda k: k(linear_model.Lasso(0.1)),
    "RFE": lambda k: k(linear_model.Ridge(), n_features_to_select=2),
    "RFECV": lambda k: k(linear_model.Ridge(), cv=2),
    "SequentialFeatureSelector": lambda k: k(linear_model.Ridge(), n_features_to_select=2, cv=2),
    "TransformedTargetRegressor": lambda k: k(linear_model.Ridge(), func=np.arcsinh, inverse_func=np.sinh),
    "SparseCoder": lambda k: k(np.eye(COLUMNS)),
    "LocalOutlierFactor": lambda k: k(novelty=True),
    "MultiTaskElasticNetCV": lambda k: k(cv=2),
    "RandomForestClassifier": lambda k: k(20, random_state=0),
    "RandomForestRegressor": lambda k: k(20, random_state=0),
    "ExtraTreesClassifier": lambda k: k(20, random_state=0),
    "ExtraTreesRegressor": lambda k: k(20, random_state=0),
    "GradientBoostingClassifier": lambda k: k(n_estimators=20),
    "GradientBoostingRegressor": lambda k: k(n_estimators=20),
    "HistGradientBoostingClassifier": lambda k: k(max_iter=20),
    "HistGradientBoostingRegressor": lambda k: k(max_iter=20),
    "QuantileTransformer": lambda k: k(n_quantiles=50),
    "RadiusNeighborsClassifier": lambda k: k(radius=3.0, outlier_label="most_frequent"),
    "RadiusNeighborsRegressor": lambda k: k(radius=3.0),
    "SparseRandomProjection": lambda k: k(n_components=3),
    "GaussianRandomProjection": lambda k: k(n_components=3),
    "KernelCenterer": lambda k: k(),
    "MLPClassifier": lambda k: k(hidden_layer_sizes=(20,), max_iter=50),
    "MLPRegressor": lambda k: k(hidden_layer_sizes=(20,), max_iter=50),
    "PLSRegression": lambda k: k(n_components=2),
    "PolynomialCountSketch": lambda k: k(n_components=10, degree=3, random_state=0),
    "PLSSVD": lambda k: k(n_components=1),
}
POSITIVE = frozenset(
    {
        "ComplementNB", "MultinomialNB", "CategoricalNB", "GammaRegressor", "PoissonRegressor", "TweedieRegressor",
        "NMF", "MiniBatchNMF", "LatentDirichletAllocation", "AdditiveChi2Sampler", "SkewedChi2Sampler", "BernoulliRBM",
    }
)  # fmt: skip
TWO_TARGETS = frozenset(
    {
        "CCA", "PLSCanonical", "PLSRegression", "PLSSVD", "MultiTaskElasticNet", "MultiTaskElasticNetCV",
        "MultiTaskLasso", "MultiTaskLassoCV", "MultiOutputRegressor", "RegressorChain",
    }
)  # fmt: skip
LABEL_SETS = frozenset({"MultiOutputClassifier", "ClassifierChain"})
# No model of a row of numbers: they learn from labels, pictures, dictionaries, texts or a distance matrix.
NOT_OF_ROWS = frozenset(
    {
        "LabelBinarizer", "LabelEncoder", "MultiLabelBinarizer", "PatchExtractor", "DictVectorizer", "FeatureHasher",
        "KernelCenterer", "Pipeline", "ColumnTransformer", "FeatureUnion", "CountVectorizer", "TfidfVectorizer",
        "HashingVectorizer",
    }
)  # fmt: skip


def every_estimator() -> Iterator[Case]:
    """scikit-learn's estimators, with each kind of target; those without ``predict`` or ``transform`` are left out."""
    for name, kind in utils.all_estimators():
        if name in NOT_OF_ROWS or not (hasattr(kind, "predict") or hasattr(kind, "transform")):
            continue
        if issubclass(kind, base.ClassifierMixin):
            targets = ("two targets",) if name in LABEL_SETS else TARGETS
            for target in targets:
                yield Case("classifiers", f"{name}, {target}", _classifier(name, kind, target))
        elif issubclass(kind, base.RegressorMixin):
            yield Case("regressors", name, _regressor(name, kind))
        else:
            yield Case(_group(kind), name, _other(name, kind))


def _group(kind: type) -> str:
    if issubclass(kind, base.OutlierMixin):
        return "outlier detectors"
    return "clusterers and others that predict" if hasattr(kind, "predict") else "transformers"


def _made(name: str, kind: type) -> Any:
    return NEEDS[name](kind) if name in NEEDS else kind()


def _x(name: str) -> Any:
    x = numbers(positive=name in POSITIVE)
    if name == "MissingIndicator":  # it marks what it has seen missing
        return np.where(random().random(x.shape) < 0.2, np.nan, x)
    return np.floor(x * 2) if name == "CategoricalNB" else x


def _classifier(name: str, kind: type, target: str) -> Callable[[], Any]:
    def make() -> Any:
        x = _x(name)
        if target == "two targets":
            y = np.column_stack([labels("two integers", x), labels("two integers", -x)])
        else:
            y = labels(target, x)
            y = y.astype(object) if name == "SelfTrainingClassifier" and "words" in target else y
        return _made(name, kind).fit(x, y)

    return make


def _regressor(name: str, kind: type) -> Callable[[], Any]:
    def make() -> Any:
        x = _x(name)
        y = signal(x)
        y = np.abs(y) + 0.1 if name in POSITIVE else y
        y = np.column_stack([y, x[:, 2]]) if name in TWO_TARGETS else y
        x = x[:, 0] if name == "IsotonicRegression" else x
        return _made(name, kind).fit(x, y)

    return make


def _other(name: str, kind: type) -> Callable[[], Any]:
    return lambda: _made(name, kind).fit(_x(name), labels("three integers", _x(name)))
