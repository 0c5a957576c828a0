"""Owns the fitted models over which coverage is measured: what people build of estimators, and all groups in order.

Knows nothing of converting. Each case fits in well under a second.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas
from sklearn import (
    compose,
    decomposition,
    ensemble,
    impute,
    linear_model,
    manifold,
    model_selection,
    naive_bayes,
    neighbors,
    pipeline,
    preprocessing,
    svm,
    tree,
)
from sklearn.decomposition import PCA
from sklearn.feature_extraction import text

from tests.campaigns.coverage.boosters import boosters
from tests.campaigns.coverage.data import (
    COLUMNS,
    ROWS,
    Case,
    case,
    documents,
    labels,
    mixed,
    numbers,
    random,
    scaled,
    signal,
)
from tests.campaigns.coverage.estimators import every_estimator
from tests.campaigns.coverage.found import found
from tests.campaigns.coverage.libraries import encoders, engines, imbalanced, statistics
from tests.campaigns.coverage.rows import other_rows
from tests.campaigns.coverage.traced import traced
from tests.campaigns.coverage.wrappers import every_wrapper, wrapped


def label_types() -> Iterator[Case]:
    """Labels of every type on models of several families."""
    models = (
        linear_model.LogisticRegression(), svm.LinearSVC(), tree.DecisionTreeClassifier(max_depth=4),
        ensemble.RandomForestClassifier(10), neighbors.KNeighborsClassifier(), naive_bayes.GaussianNB(), svm.SVC(),
    )  # fmt: skip
    for model in models:
        for target in ("two words", "three words", "booleans", "floats", "integers from five"):
            yield case("label types", f"{type(model).__name__}, {target}", model, numbers(), labels(target, numbers()))


def behind_steps() -> Iterator[Case]:
    """Every scaler and other numeric step before a linear model and before a forest."""
    steps = (
        preprocessing.StandardScaler(), preprocessing.MinMaxScaler(), preprocessing.MinMaxScaler(clip=True),
        preprocessing.RobustScaler(), preprocessing.MaxAbsScaler(), preprocessing.Normalizer(),
        preprocessing.PolynomialFeatures(2), preprocessing.PolynomialFeatures(2, interaction_only=True),
        preprocessing.PowerTransformer(), preprocessing.QuantileTransformer(n_quantiles=20),
        preprocessing.QuantileTransformer(n_quantiles=300, output_distribution="normal"),
        preprocessing.KBinsDiscretizer(4, encode="ordinal"), preprocessing.KBinsDiscretizer(4, encode="onehot"),
        preprocessing.SplineTransformer(), preprocessing.Binarizer(), PCA(3), PCA(3, whiten=True),
        preprocessing.FunctionTransformer(np.log1p), preprocessing.FunctionTransformer(np.abs),
    )  # fmt: skip
    x = numbers(positive=True)
    for step in steps:
        for last in (linear_model.LogisticRegression(), ensemble.RandomForestClassifier(20, random_state=0)):
            name = f"{_short(step)} > {type(last).__name__}"
            yield case("steps before models", name, pipeline.make_pipeline(step, last), x, labels("two words", x))


def _short(model: Any) -> str:
    return " ".join(repr(model).split()).replace("<ufunc ", "").replace(">", "")


def mixed_columns() -> Iterator[Case]:
    """Tables of numbers, words and booleans, some missing."""
    table, y = mixed()
    number = pipeline.make_pipeline(impute.SimpleImputer(strategy="median"), preprocessing.StandardScaler())
    flagged = impute.SimpleImputer(add_indicator=True)
    encoders = {
        "one-hot, unknown refused": preprocessing.OneHotEncoder(),
        "one-hot, unknown ignored": preprocessing.OneHotEncoder(handle_unknown="ignore"),
        "one-hot, infrequent": preprocessing.OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=100),
        "one-hot, first dropped": preprocessing.OneHotEncoder(drop="first"),
        "ordinal": preprocessing.OrdinalEncoder(),
        "ordinal, unknown -1": preprocessing.OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1),
        "target encoder": preprocessing.TargetEncoder(random_state=0),
    }
    lasts = (
        linear_model.LogisticRegression(max_iter=1000),
        ensemble.RandomForestClassifier(20, random_state=0),
        ensemble.HistGradientBoostingClassifier(max_iter=20),
    )
    for name, encoder in encoders.items():
        for last in lasts:
            columns = compose.ColumnTransformer(
                [("n", number, ["Age (years)", "income"]), ("w", encoder, ["city", "plan"])], remainder="passthrough"
            )
            model = pipeline.make_pipeline(columns, last)
            yield case("mixed columns", f"{name} > {type(last).__name__}", model, table, y)
    columns = compose.make_column_transformer(
        (flagged, ["income"]), (preprocessing.OneHotEncoder(), ["city"]), ("passthrough", ["member"])
    )
    model = pipeline.make_pipeline(columns, linear_model.LogisticRegression(max_iter=1000))
    yield case("mixed columns", "imputer with indicator", model, table, y)
    yield case("mixed columns", "search over the pipeline", _search(model), table, y)


def _search(model: Any) -> Any:
    return model_selection.GridSearchCV(model, {"logisticregression__C": [0.1, 1.0]}, cv=2)


def missing_values() -> Iterator[Case]:
    """What takes NaN itself, and imputers."""
    x = np.where(random().random((ROWS, COLUMNS)) < 0.2, np.nan, numbers())
    y = labels("three words", numbers())
    models = (
        tree.DecisionTreeClassifier(max_depth=5), ensemble.RandomForestClassifier(20, random_state=0),
        ensemble.ExtraTreesClassifier(20, random_state=0), ensemble.HistGradientBoostingClassifier(max_iter=20),
        ensemble.BaggingClassifier(n_estimators=5, random_state=0),
    )  # fmt: skip
    for model in models:
        yield case("missing values", type(model).__name__, model, x, y)
        yield case("missing values", f"StandardScaler > {type(model).__name__}", scaled(model), x, y)
    imputers = (
        impute.SimpleImputer(), impute.SimpleImputer(strategy="median", add_indicator=True), impute.KNNImputer(),
        impute.SimpleImputer(strategy="constant", fill_value=-1.0),
    )  # fmt: skip
    for imputer in imputers:
        last = linear_model.LogisticRegression(max_iter=1000)
        yield case(
            "missing values", f"{_short(imputer)} > LogisticRegression", pipeline.make_pipeline(imputer, last), x, y
        )


def texts() -> Iterator[Case]:
    """Documents into a linear model."""
    words, y = documents()
    vectorizers = (
        text.CountVectorizer(), text.TfidfVectorizer(), text.TfidfVectorizer(sublinear_tf=True),
        text.TfidfVectorizer(ngram_range=(1, 2), stop_words=["the", "a"]), text.CountVectorizer(binary=True),
        text.CountVectorizer(lowercase=False), text.TfidfVectorizer(analyzer="char", ngram_range=(1, 2)),
        text.TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 3)), text.TfidfVectorizer(strip_accents="unicode"),
        text.TfidfVectorizer(token_pattern=r"[a-z]+"), text.HashingVectorizer(n_features=64),  # noqa: S106  a pattern, no password
    )  # fmt: skip
    for vectorizer in vectorizers:
        model = pipeline.make_pipeline(vectorizer, linear_model.LogisticRegression())
        yield case("text", f"{_short(vectorizer)} > LogisticRegression", model, words, y)


def settings() -> Iterator[Case]:
    """Settings that change the arithmetic."""
    x, positive = numbers(), numbers(positive=True)
    two, three = labels("two words", x), labels("three words", x)
    value = signal(x)
    for model in (
        linear_model.SGDClassifier(loss="log_loss"), linear_model.SGDClassifier(loss="modified_huber"),
        svm.SVC(kernel="linear"), svm.SVC(kernel="poly", degree=2), svm.SVC(kernel="sigmoid"),
        svm.NuSVC(), neighbors.KNeighborsClassifier(weights="distance"),
        neighbors.KNeighborsClassifier(metric="manhattan"), ensemble.GradientBoostingClassifier(n_estimators=10),
        ensemble.GradientBoostingClassifier(n_estimators=10, init="zero"),
        ensemble.GradientBoostingClassifier(n_estimators=10, init=linear_model.LogisticRegression()),
        ensemble.HistGradientBoostingClassifier(max_iter=10, class_weight="balanced"),
    ):  # fmt: skip
        for name, y in (("two", two), ("three", three)):
            yield case("settings", f"{_short(model)}, {name}", model, x, y)
    yield case(
        "settings", "GradientBoosting, exponential", ensemble.GradientBoostingClassifier(loss="exponential"), x, two
    )
    for loss in ("squared_error", "absolute_error", "poisson", "gamma", "quantile"):
        model = ensemble.HistGradientBoostingRegressor(loss=loss, quantile=0.3, max_iter=20)
        yield case("settings", f"HistGradientBoostingRegressor, {loss}", model, x, np.abs(value) + 0.1)
    for loss in ("huber", "absolute_error", "quantile"):
        yield case("settings", f"GradientBoosting, {loss}", ensemble.GradientBoostingRegressor(loss=loss), x, value)
    categories = np.column_stack([positive[:, :3], np.floor(positive[:, 3] * 4)])
    native = ensemble.HistGradientBoostingRegressor(categorical_features=[3], max_iter=20)
    yield case("settings", "HistGradientBoosting, native categories", native, categories, value)
    yield from _transforms(x)
    for regressor in (
        svm.SVR(),
        neighbors.KNeighborsRegressor(weights="distance"),
        linear_model.TweedieRegressor(power=1.5),
    ):
        yield case("settings", _short(regressor), regressor, x, np.abs(value))


def _transforms(x: Any) -> Iterator[Case]:
    """Of transformers that write a row as a sum of few others."""
    lines = random().normal(size=(8, COLUMNS))
    for model in (
        decomposition.SparseCoder(lines, transform_n_nonzero_coefs=3),
        decomposition.SparseCoder(lines, transform_n_nonzero_coefs=2, split_sign=True),
        decomposition.SparseCoder(lines, transform_algorithm="threshold", transform_alpha=0.5),
        manifold.LocallyLinearEmbedding(n_neighbors=12),
    ):
        yield case("settings", f"{type(model).__name__}, {_changed(model)}", model, x)


def _changed(model: Any) -> str:
    """What of it is not as it is by default, in words; a dictionary is none."""
    given, default = model.get_params(), inspect.signature(type(model)).parameters
    return ", ".join(
        f"{name}={value}" for name, value in given.items() if np.ndim(value) == 0 and value != default[name].default
    )


def shapes() -> Iterator[Case]:
    """One column, many columns, names, sparse training data, pandas output."""
    x = numbers()
    y = labels("two words", x)
    wide = random().normal(size=(ROWS, 500))
    table = pandas.DataFrame(x, columns=["Age (years)", "größe", "a b", "label", "X"])
    logistic = linear_model.LogisticRegression(max_iter=1000)
    yield case("shapes", "one column", logistic, x[:, :1], y)
    yield case("shapes", "five hundred columns", logistic, wide, y)
    yield case("shapes", "column names", scaled(logistic), table, y)
    yield case("shapes", "pandas output", scaled(logistic).set_output(transform="pandas"), table, y)
    yield case("shapes", "float32 training data", scaled(logistic), x.astype(np.float32), y)
    yield case("shapes", "float32 forest", ensemble.RandomForestClassifier(10, random_state=0), x.astype(np.float32), y)


Group = Callable[[], Iterator[Case]]
GROUPS: tuple[Group, ...] = (
    every_estimator, label_types, behind_steps, mixed_columns, missing_values, texts, wrapped, every_wrapper, settings,
    boosters, shapes, found, other_rows, imbalanced, encoders, engines, statistics,
    traced,
)  # fmt: skip


def all_cases() -> Iterator[Case]:
    """Every case, in the order of the table."""
    for group in GROUPS:
        yield from group()
