"""Owns the kinds of models that are fitted on real data, each in a usual pipeline. Knows nothing of converting.

A kind says how its columns come: as they are, behind a scaler, between 0 and 1. What no kind says is made as people
make it: missing numbers are filled in unless the model takes them, words become columns of zeros and ones.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas
from sklearn import (
    calibration,
    compose,
    decomposition,
    discriminant_analysis,
    ensemble,
    feature_selection,
    gaussian_process,
    impute,
    kernel_approximation,
    kernel_ridge,
    linear_model,
    model_selection,
    multiclass,
    naive_bayes,
    neighbors,
    neural_network,
    pipeline,
    preprocessing,
    svm,
    tree,
)
from sklearn.cross_decomposition import PLSRegression
from sklearn.feature_extraction import text

from tests.campaigns.coverage.boosters import BOOSTERS
from tests.campaigns.realdata.sets import Task

Columns = Literal["raw", "scaled", "unit", "native"]
WORDS = 2000  # of a text set


@dataclass(frozen=True, slots=True)
class Kind:
    """A model to make, and how its columns come."""

    name: str
    columns: Columns
    make: Callable[[], Any]


def kinds(task: Task) -> list[Kind]:
    """Every kind for sets of this task, those that remember rows first; boosters where they are installed."""
    table, booster = (REGRESSORS, "Regressor") if task == "regression" else (CLASSIFIERS, "Classifier")
    listed = [Kind(name, columns, make) for name, (columns, make) in table.items()]
    return listed + [_booster(package, booster) for package in BOOSTERS if importlib.util.find_spec(package)]


def build(kind: Kind, x: Any) -> Any:
    """The whole pipeline, not fitted, for rows like ``x``: a table of numbers and words, or a list of texts."""
    model = kind.make()
    if isinstance(x, list):
        return pipeline.make_pipeline(text.TfidfVectorizer(max_features=WORDS, min_df=2), model)
    words = [name for name in x.columns if not pandas.api.types.is_numeric_dtype(x[name])]
    numbers = [name for name in x.columns if name not in words]
    steps = _number_steps(kind.columns, bool(x[numbers].isna().any(axis=None)))
    if not words:
        return pipeline.make_pipeline(*steps, model)
    number = pipeline.make_pipeline(*steps) if steps else "passthrough"
    columns = compose.ColumnTransformer([("numbers", number, numbers), ("words", _word_step(kind.columns), words)])
    return pipeline.make_pipeline(columns, model)


def _number_steps(columns: Columns, missing: bool) -> list[Any]:
    filled: list[Any] = [impute.SimpleImputer(strategy="median")] if missing and columns != "native" else []
    scalers = {"scaled": preprocessing.StandardScaler, "unit": lambda: preprocessing.MinMaxScaler(clip=True)}
    return [*filled, scalers[columns]()] if columns in scalers else filled


def _word_step(columns: Columns) -> Any:
    if columns == "native":
        return preprocessing.OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    encoder = preprocessing.OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    return pipeline.make_pipeline(impute.SimpleImputer(strategy="most_frequent"), encoder)


def _booster(package: str, ending: str) -> Kind:
    short = {"catboost": "CatBoost", "lightgbm": "LGBM", "xgboost": "XGB"}[package]

    def make() -> Any:
        return getattr(importlib.import_module(package), short + ending)(n_estimators=50, **BOOSTERS[package])

    return Kind(short, "native", make)


def _behind(step: Any, model: Any) -> Any:
    return pipeline.make_pipeline(step, model)


LOGISTIC = linear_model.LogisticRegression(max_iter=300)
FOREST = {"n_estimators": 50, "random_state": 0}

Table = Mapping[str, tuple[Columns, Callable[[], Any]]]
CLASSIFIERS: Table = {
    "KNN": ("raw", neighbors.KNeighborsClassifier),
    "KNN by distance": ("raw", lambda: neighbors.KNeighborsClassifier(weights="distance")),
    "KNN of 15": ("scaled", lambda: neighbors.KNeighborsClassifier(15)),
    "KNN, manhattan": ("raw", lambda: neighbors.KNeighborsClassifier(metric="manhattan", algorithm="brute")),
    "nearest one": ("unit", lambda: neighbors.KNeighborsClassifier(1)),
    "radius": ("scaled", lambda: neighbors.RadiusNeighborsClassifier(3.0, outlier_label="most_frequent")),
    "nearest centroid": ("scaled", neighbors.NearestCentroid),
    "quantiles > KNN": (
        "raw",
        lambda: _behind(preprocessing.QuantileTransformer(n_quantiles=50), neighbors.KNeighborsClassifier()),
    ),
    "bagged KNN": ("scaled", lambda: ensemble.BaggingClassifier(neighbors.KNeighborsClassifier(), 5, random_state=0)),
    "KNN imputer > forest": (
        "native",
        lambda: _behind(impute.KNNImputer(), ensemble.RandomForestClassifier(20, random_state=0)),
    ),
    "SVC": ("scaled", svm.SVC),
    "SVC, raw": ("raw", svm.SVC),
    "SVC, linear": ("scaled", lambda: svm.SVC(kernel="linear")),
    "SVC, poly": ("scaled", lambda: svm.SVC(kernel="poly")),
    "NuSVC": ("scaled", lambda: svm.NuSVC(nu=0.1)),
    "Gaussian process": ("scaled", lambda: gaussian_process.GaussianProcessClassifier(max_iter_predict=10)),
    "Nystroem > logistic": ("scaled", lambda: _behind(kernel_approximation.Nystroem(n_components=30), LOGISTIC)),
    "tree": ("native", lambda: tree.DecisionTreeClassifier(random_state=0)),
    "tree of 5": ("raw", lambda: tree.DecisionTreeClassifier(max_depth=5, random_state=0)),
    "extra tree": ("raw", lambda: tree.ExtraTreeClassifier(random_state=0)),
    "scaled tree": ("scaled", lambda: tree.DecisionTreeClassifier(random_state=0)),
    "forest": ("raw", lambda: ensemble.RandomForestClassifier(**FOREST)),
    "balanced forest": (
        "native",
        lambda: ensemble.RandomForestClassifier(max_depth=8, class_weight="balanced", **FOREST),
    ),
    "extra trees": ("scaled", lambda: ensemble.ExtraTreesClassifier(**FOREST)),
    "bagged trees": ("raw", lambda: ensemble.BaggingClassifier(random_state=0)),
    "AdaBoost": ("raw", lambda: ensemble.AdaBoostClassifier(random_state=0)),
    "gradient boosting": ("raw", lambda: ensemble.GradientBoostingClassifier(n_estimators=50, random_state=0)),
    "histogram boosting": ("native", lambda: ensemble.HistGradientBoostingClassifier(max_iter=50)),
    "scaled histogram boosting": ("scaled", lambda: ensemble.HistGradientBoostingClassifier(max_iter=50)),
    "searched forest": (
        "raw",
        lambda: model_selection.GridSearchCV(
            ensemble.RandomForestClassifier(20, random_state=0), {"max_depth": [3, 6]}
        ),
    ),
    "multinomial Bayes": ("unit", naive_bayes.MultinomialNB),
    "complement Bayes": ("unit", naive_bayes.ComplementNB),
    "Bernoulli Bayes": ("scaled", naive_bayes.BernoulliNB),
    "Gaussian Bayes": ("raw", naive_bayes.GaussianNB),
    "logistic": ("scaled", lambda: LOGISTIC),
    "logistic, raw": ("raw", lambda: LOGISTIC),
    "logistic, l1": ("scaled", lambda: linear_model.LogisticRegression(l1_ratio=1.0, solver="saga", max_iter=300)),
    "logistic, searched": ("scaled", lambda: linear_model.LogisticRegressionCV(Cs=3, cv=3, max_iter=300)),
    "SGD": ("scaled", lambda: linear_model.SGDClassifier(loss="log_loss", random_state=0)),
    "linear SVC": ("scaled", svm.LinearSVC),
    "ridge": ("raw", linear_model.RidgeClassifier),
    "perceptron": ("scaled", lambda: linear_model.Perceptron(random_state=0)),
    "LDA": ("raw", discriminant_analysis.LinearDiscriminantAnalysis),
    "QDA": ("scaled", lambda: discriminant_analysis.QuadraticDiscriminantAnalysis(reg_param=0.1)),
    "network": ("scaled", lambda: neural_network.MLPClassifier(30, max_iter=100, random_state=0)),
    "calibrated SVC": ("scaled", lambda: calibration.CalibratedClassifierCV(svm.LinearSVC(), cv=3)),
    "calibrated Bayes": (
        "scaled",
        lambda: calibration.CalibratedClassifierCV(naive_bayes.GaussianNB(), method="isotonic", cv=3),
    ),
    "vote": ("scaled", lambda: ensemble.VotingClassifier([("a", LOGISTIC), ("b", tree.DecisionTreeClassifier())])),
    "stack": ("scaled", lambda: ensemble.StackingClassifier([("a", LOGISTIC), ("b", tree.DecisionTreeClassifier())])),
    "one against rest": ("scaled", lambda: multiclass.OneVsRestClassifier(LOGISTIC)),
    "one against one": ("scaled", lambda: multiclass.OneVsOneClassifier(svm.LinearSVC())),
    "PCA > logistic": ("scaled", lambda: _behind(decomposition.PCA(0.9), LOGISTIC)),
    "best columns > logistic": ("raw", lambda: _behind(feature_selection.SelectKBest(k=3), LOGISTIC)),
    "polynomials > logistic": ("scaled", lambda: _behind(preprocessing.PolynomialFeatures(2), LOGISTIC)),
    "bins > logistic": ("raw", lambda: _behind(preprocessing.KBinsDiscretizer(4), LOGISTIC)),
    "power > Bayes": ("raw", lambda: _behind(preprocessing.PowerTransformer(), naive_bayes.GaussianNB())),
}
REGRESSORS: Table = {
    "KNN": ("raw", neighbors.KNeighborsRegressor),
    "KNN by distance": ("raw", lambda: neighbors.KNeighborsRegressor(weights="distance")),
    "KNN of 15": ("scaled", lambda: neighbors.KNeighborsRegressor(15)),
    "KNN, manhattan": ("raw", lambda: neighbors.KNeighborsRegressor(metric="manhattan", algorithm="brute")),
    "nearest one": ("unit", lambda: neighbors.KNeighborsRegressor(1)),
    "radius": ("scaled", lambda: neighbors.RadiusNeighborsRegressor(5.0)),
    "quantiles > KNN": (
        "raw",
        lambda: _behind(preprocessing.QuantileTransformer(n_quantiles=50), neighbors.KNeighborsRegressor()),
    ),
    "bagged KNN": ("scaled", lambda: ensemble.BaggingRegressor(neighbors.KNeighborsRegressor(), 5, random_state=0)),
    "KNN imputer > forest": (
        "native",
        lambda: _behind(impute.KNNImputer(), ensemble.RandomForestRegressor(20, random_state=0)),
    ),
    "SVR": ("scaled", svm.SVR),
    "SVR, raw": ("raw", svm.SVR),
    "linear SVR": ("scaled", svm.LinearSVR),
    "NuSVR": ("scaled", svm.NuSVR),
    "kernel ridge": ("scaled", lambda: kernel_ridge.KernelRidge(kernel="rbf")),
    "Gaussian process": ("scaled", lambda: gaussian_process.GaussianProcessRegressor(alpha=0.1)),
    "Nystroem > ridge": (
        "scaled",
        lambda: _behind(kernel_approximation.Nystroem(n_components=30), linear_model.Ridge()),
    ),
    "tree": ("native", lambda: tree.DecisionTreeRegressor(random_state=0)),
    "tree of 5": ("raw", lambda: tree.DecisionTreeRegressor(max_depth=5, random_state=0)),
    "extra tree": ("raw", lambda: tree.ExtraTreeRegressor(random_state=0)),
    "scaled tree": ("scaled", lambda: tree.DecisionTreeRegressor(random_state=0)),
    "forest": ("raw", lambda: ensemble.RandomForestRegressor(**FOREST)),
    "flat forest": ("native", lambda: ensemble.RandomForestRegressor(max_depth=8, **FOREST)),
    "extra trees": ("scaled", lambda: ensemble.ExtraTreesRegressor(**FOREST)),
    "bagged trees": ("raw", lambda: ensemble.BaggingRegressor(random_state=0)),
    "AdaBoost": ("raw", lambda: ensemble.AdaBoostRegressor(random_state=0)),
    "gradient boosting": ("raw", lambda: ensemble.GradientBoostingRegressor(n_estimators=50, random_state=0)),
    "gradient boosting, huber": (
        "raw",
        lambda: ensemble.GradientBoostingRegressor(loss="huber", n_estimators=50, random_state=0),
    ),
    "histogram boosting": ("native", lambda: ensemble.HistGradientBoostingRegressor(max_iter=50)),
    "scaled histogram boosting": ("scaled", lambda: ensemble.HistGradientBoostingRegressor(max_iter=50)),
    "histogram boosting, poisson": (
        "native",
        lambda: ensemble.HistGradientBoostingRegressor(loss="poisson", max_iter=50),
    ),
    "searched forest": (
        "raw",
        lambda: model_selection.GridSearchCV(ensemble.RandomForestRegressor(20, random_state=0), {"max_depth": [3, 6]}),
    ),
    "linear": ("raw", linear_model.LinearRegression),
    "linear, scaled": ("scaled", linear_model.LinearRegression),
    "ridge": ("scaled", linear_model.Ridge),
    "lasso": ("scaled", lambda: linear_model.Lasso(0.1)),
    "elastic net": ("scaled", lambda: linear_model.ElasticNet(0.1)),
    "Bayesian ridge": ("raw", linear_model.BayesianRidge),
    "Huber": ("scaled", linear_model.HuberRegressor),
    "SGD": ("scaled", lambda: linear_model.SGDRegressor(random_state=0)),
    "Poisson": ("scaled", linear_model.PoissonRegressor),
    "Tweedie": ("scaled", lambda: linear_model.TweedieRegressor(power=1.5)),
    "quantile": ("scaled", lambda: linear_model.QuantileRegressor(alpha=0.01)),
    "PLS": ("scaled", lambda: PLSRegression(2)),
    "network": ("scaled", lambda: neural_network.MLPRegressor(30, max_iter=100, random_state=0)),
    "log target": (
        "scaled",
        lambda: compose.TransformedTargetRegressor(linear_model.Ridge(), func=np.log1p, inverse_func=np.expm1),
    ),
    "vote": (
        "scaled",
        lambda: ensemble.VotingRegressor([("a", linear_model.Ridge()), ("b", tree.DecisionTreeRegressor())]),
    ),
    "stack": (
        "scaled",
        lambda: ensemble.StackingRegressor([("a", linear_model.Ridge()), ("b", tree.DecisionTreeRegressor())]),
    ),
    "PCA > linear": ("scaled", lambda: _behind(decomposition.PCA(0.9), linear_model.LinearRegression())),
    "best columns > ridge": (
        "raw",
        lambda: _behind(feature_selection.SelectKBest(feature_selection.f_regression, k=3), linear_model.Ridge()),
    ),
    "polynomials > ridge": ("scaled", lambda: _behind(preprocessing.PolynomialFeatures(2), linear_model.Ridge())),
    "splines > ridge": ("scaled", lambda: _behind(preprocessing.SplineTransformer(4), linear_model.Ridge())),
    "bins > ridge": ("raw", lambda: _behind(preprocessing.KBinsDiscretizer(4), linear_model.Ridge())),
    "power > ridge": ("raw", lambda: _behind(preprocessing.PowerTransformer(), linear_model.Ridge())),
}
