"""Owns the fitted models over which coverage is measured: every estimator, and what people build of them.

Knows nothing of converting. Each case fits in well under a second.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas
from sklearn import (
    base,
    calibration,
    compose,
    ensemble,
    frozen,
    impute,
    linear_model,
    model_selection,
    multiclass,
    multioutput,
    naive_bayes,
    neighbors,
    pipeline,
    preprocessing,
    svm,
    tree,
    utils,
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
from tests.campaigns.coverage.wrappers import every_wrapper

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


def wrapped() -> Iterator[Case]:
    """Estimators in estimators."""
    x = numbers()
    y = labels("three words", x)
    logistic, forest = linear_model.LogisticRegression(), ensemble.RandomForestClassifier(10, random_state=0)
    both = [("l", logistic), ("f", forest)]
    models: dict[str, Any] = {
        "calibrated, sigmoid": calibration.CalibratedClassifierCV(svm.LinearSVC(), method="sigmoid", cv=3),
        "calibrated, isotonic": calibration.CalibratedClassifierCV(forest, method="isotonic", cv=3),
        "calibrated, temperature": calibration.CalibratedClassifierCV(logistic, method="temperature", cv=3),
        "calibrated, frozen": calibration.CalibratedClassifierCV(frozen.FrozenEstimator(base.clone(forest).fit(x, y))),
        "stacking": ensemble.StackingClassifier(both, cv=3),
        "stacking, passthrough": ensemble.StackingClassifier(both, cv=3, passthrough=True),
        "voting, hard": ensemble.VotingClassifier(both),
        "voting, soft, weights": ensemble.VotingClassifier(both, voting="soft", weights=[1, 3]),
        "one against rest": multiclass.OneVsRestClassifier(svm.LinearSVC()),
        "one against one": multiclass.OneVsOneClassifier(svm.LinearSVC()),
        "bagging of pipelines": ensemble.BaggingClassifier(scaled(logistic), 4, max_features=3, random_state=0),
        "boosting of stumps": ensemble.AdaBoostClassifier(n_estimators=10, random_state=0),
        "random search": model_selection.RandomizedSearchCV(logistic, {"C": [0.1, 1.0]}, n_iter=2, cv=2),
        "search of a pipeline": model_selection.GridSearchCV(scaled(svm.SVC()), {"svc__C": [1.0]}, cv=2),
        "isolation forest, few columns": ensemble.IsolationForest(n_estimators=20, max_features=0.5, random_state=0),
    }
    for name, model in models.items():
        yield case("wrappers", name, model, x, y)
    binary = labels("two words", x)
    threshold = model_selection.TunedThresholdClassifierCV(scaled(logistic), random_state=0)
    yield case("wrappers", "tuned threshold of a pipeline", threshold, x, binary)
    several = np.column_stack([y, labels("three words", -x)])
    yield case("wrappers", "several targets", multioutput.MultiOutputClassifier(forest), x, several)
    yield case("wrappers", "several targets, forest", forest, x, several)
    yield case("wrappers", "log of the target", _logged(), x, np.abs(signal(x)) + 1)
    yield case("wrappers", "scaled target", _scaled_target(), x, signal(x))


def _logged() -> Any:
    return compose.TransformedTargetRegressor(linear_model.Ridge(), func=np.log1p, inverse_func=np.expm1)


def _scaled_target() -> Any:
    return compose.TransformedTargetRegressor(svm.SVR(), transformer=preprocessing.StandardScaler())


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
    for regressor in (
        svm.SVR(),
        neighbors.KNeighborsRegressor(weights="distance"),
        linear_model.TweedieRegressor(power=1.5),
    ):
        yield case("settings", _short(regressor), regressor, x, np.abs(value))


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
    boosters, shapes,
)  # fmt: skip


def all_cases() -> Iterator[Case]:
    """Every case, in the order of the table."""
    for group in GROUPS:
        yield from group()
