"""Owns the cases that once ended badly on other people's models, by kind. Knows nothing of converting."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy import stats
from sklearn import (
    compose,
    dummy,
    gaussian_process,
    impute,
    linear_model,
    mixture,
    model_selection,
    multiclass,
    multioutput,
    neural_network,
    pipeline,
    preprocessing,
    svm,
    tree,
)
from sklearn.experimental import enable_halving_search_cv, enable_iterative_imputer  # noqa: F401
from sklearn.feature_extraction import text

from tests.campaigns.coverage.data import COLUMNS, ROWS, Case, case, documents, labels, mixed, numbers, random, signal

FUNCTIONS = (np.log, np.log1p, np.sqrt, np.log10)  # np.reciprocal of whole numbers is refused without --data


def found() -> Iterator[Case]:
    """Every kind that is mended, at least once."""
    for make in (_probabilities, _label_sets, _nothing, _columns, _searches, _imputers, _domains, _patterns, _others):
        yield from make()


def _logistic() -> Any:
    return linear_model.LogisticRegression(max_iter=1000)


def _probabilities() -> Iterator[Case]:
    """libsvm's own coupling, also on data that nobody scaled."""
    x = numbers()
    ten = np.digitize(signal(x), np.quantile(signal(x), np.linspace(0.1, 0.9, 9)))
    for name, y in (("two", labels("two words", x)), ("three", labels("three words", x)), ("ten", ten)):
        for kind in (svm.SVC, svm.NuSVC):
            yield case("found", f"{kind.__name__} with probabilities, {name}", _probable(kind, name), x * 50 + 500, y)
    for kind in (mixture.GaussianMixture, mixture.BayesianGaussianMixture):
        for covariance in ("full", "tied", "diag", "spherical"):
            model = kind(n_components=3, covariance_type=covariance, random_state=0)
            yield case("found", f"{kind.__name__}, {covariance}", model, x)
    yield case(
        "found", "GaussianProcessClassifier, far", gaussian_process.GaussianProcessClassifier(), x * 50 + 500, ten // 4
    )
    column = signal(x).reshape(-1, 1)
    yield case(
        "found", "GaussianProcessRegressor, y as a column", gaussian_process.GaussianProcessRegressor(), x, column
    )


def _probable(kind: Any, classes: str) -> Any:
    return kind(probability=True, nu=0.05) if kind is svm.NuSVC and classes == "ten" else kind(probability=True)


def _label_sets() -> Iterator[Case]:
    """Several labels at once, and what they are made of."""
    x = numbers()
    sets = np.column_stack([labels("two integers", x), labels("two integers", -x[:, ::-1])])
    models: dict[str, Any] = {
        "MLPClassifier": neural_network.MLPClassifier((10,), max_iter=50),
        "OneVsRest, logistic": multiclass.OneVsRestClassifier(_logistic()),
        "OneVsRest, LinearSVC": multiclass.OneVsRestClassifier(svm.LinearSVC()),
        "RidgeClassifier": linear_model.RidgeClassifier(),
        "RidgeClassifierCV": linear_model.RidgeClassifierCV(),
        "Dummy, prior": dummy.DummyClassifier(),
        "Dummy, most frequent": dummy.DummyClassifier(strategy="most_frequent"),
        "Dummy, constant": dummy.DummyClassifier(strategy="constant", constant=[1, 0]),
        "ClassifierChain": multioutput.ClassifierChain(_logistic()),
    }
    for name, model in models.items():
        yield case("found", f"sets of labels, {name}", model, x, sets)
    yield case("found", "sets of labels, chain of floats", multioutput.ClassifierChain(_logistic()), x, sets * 1.0)
    yield case("found", "a dummy that is undecided", dummy.DummyClassifier(), x, np.arange(len(x)) % 2)


def _nothing() -> Iterator[Case]:
    """None and NaN among the categories of texts, and imputers of tables of both kinds."""
    table, y = mixed()
    words = table[["city", "plan"]].astype(object)
    words.loc[::7, "city"], words.loc[::5, "plan"] = None, np.nan
    table[["city", "plan"]] = words
    coders = {
        "one-hot": preprocessing.OneHotEncoder(handle_unknown="ignore"),
        "one-hot, closed": preprocessing.OneHotEncoder(),
        "ordinal": preprocessing.OrdinalEncoder(encoded_missing_value=-2),
        "target": preprocessing.TargetEncoder(random_state=0),
    }
    for name, coder in coders.items():
        columns = compose.ColumnTransformer([("n", "passthrough", ["Age (years)"]), ("w", coder, ["city", "plan"])])
        yield case("found", f"None and NaN, {name}", pipeline.make_pipeline(columns, _logistic()), table, y)
    frequent = impute.SimpleImputer(strategy="most_frequent")
    coded = pipeline.make_pipeline(frequent, coders["one-hot"], _logistic())
    both = table[["Age (years)", "city", "plan"]].fillna(np.nan)
    yield case("found", "imputer of texts and numbers", coded, both, y)
    yield case("found", "imputer of texts alone", frequent, both[["city", "plan"]])
    marked = impute.SimpleImputer(missing_values=None, strategy="most_frequent")
    coded = pipeline.make_pipeline(marked, coders["one-hot"], _logistic())
    yield case("found", "imputer of None", coded, table[["city"]], y)


def _columns() -> Iterator[Case]:
    """Columns chosen by what they hold."""
    table, y = mixed()
    number = pipeline.make_pipeline(impute.SimpleImputer(), preprocessing.StandardScaler())
    word = preprocessing.OneHotEncoder(handle_unknown="ignore")
    selector = compose.make_column_selector
    others = {"exclude": ["number", "bool"]}
    chosen = {
        "make_column_selector": (selector(dtype_include=np.number), selector(dtype_exclude=["number", "bool"])),
        "select_dtypes": (table.select_dtypes("number").columns, table.select_dtypes(**others).columns),
    }
    for name, (numbered, worded) in chosen.items():
        columns = compose.ColumnTransformer([("n", number, numbered), ("w", word, worded)])
        yield case("found", f"columns by {name}", pipeline.make_pipeline(columns, _logistic()), table, y)
    dropping = compose.ColumnTransformer([("n", number, ["income"]), ("w", word, ["plan"])])
    yield case("found", "columns that are dropped", pipeline.make_pipeline(dropping, _logistic()), table, y)


def _searches() -> Iterator[Case]:
    """Of a search only the best estimator is needed."""
    x = numbers()
    y = labels("two words", x)
    drawn = {"C": stats.loguniform(0.01, 10), "max_iter": stats.randint(100, 200), "tol": stats.uniform(1e-5, 1e-4)}
    searches = {
        "RandomizedSearchCV": model_selection.RandomizedSearchCV(_logistic(), drawn, n_iter=2, cv=2, random_state=0),
        "HalvingGridSearchCV": model_selection.HalvingGridSearchCV(_logistic(), {"C": [0.1, 1.0]}, cv=2),
        "HalvingRandomSearchCV": model_selection.HalvingRandomSearchCV(
            _logistic(), drawn, cv=2, random_state=0, min_resources=80
        ),
    }
    for name, model in searches.items():
        yield case("found", f"{name} over distributions", model, x, y)


def _imputers() -> Iterator[Case]:
    x = np.where(random().random((ROWS, COLUMNS)) < 0.1, np.nan, numbers())
    y = labels("two words", numbers())
    imputers: dict[str, Any] = {
        "IterativeImputer": impute.IterativeImputer(random_state=0),
        "IterativeImputer, limits": impute.IterativeImputer(max_iter=3, min_value=-1.0, max_value=1.0),
        "IterativeImputer, few neighbours": impute.IterativeImputer(n_nearest_features=2, random_state=0),
        "IterativeImputer of trees": impute.IterativeImputer(
            tree.DecisionTreeRegressor(max_depth=4, random_state=0), max_iter=3, add_indicator=True
        ),
        "KNNImputer, by distance": impute.KNNImputer(weights="distance", add_indicator=True),
    }
    for name, imputer in imputers.items():
        yield case("found", name, imputer, x)
        yield case("found", f"{name} > LogisticRegression", pipeline.make_pipeline(imputer, _logistic()), x, y)


def _domains() -> Iterator[Case]:
    """Steps that take positive numbers alone, by themselves and before a model that takes no NaN."""
    x = numbers(positive=True)
    y = labels("two words", numbers())
    some = compose.ColumnTransformer(
        [("p", preprocessing.PowerTransformer("box-cox"), [0, 1])], remainder=preprocessing.StandardScaler()
    )
    steps: dict[str, Any] = {
        "Box-Cox": preprocessing.PowerTransformer("box-cox"),
        "Box-Cox of some columns": some,
        **{function.__name__: preprocessing.FunctionTransformer(function) for function in FUNCTIONS},
    }
    for name, step in steps.items():
        yield case("found", f"positive numbers, {name}", step, x)
        yield case(
            "found", f"positive numbers, {name} > LogisticRegression", pipeline.make_pipeline(step, _logistic()), x, y
        )


def _patterns() -> Iterator[Case]:
    words, y = documents()
    for pattern in (r"\w{2,}", r"[a-zA-Z]{3,}", r"\S+", r"\b[a-zA-Z]{2,}\b", r"\b[^\d\W]+\b", r"(?u)\b\w\w\w+\b"):
        for size in (1, 2):
            vectorizer = text.TfidfVectorizer(token_pattern=pattern, ngram_range=(1, size))
            model = pipeline.make_pipeline(vectorizer, _logistic())
            yield case("found", f"token pattern {pattern}, up to {size} words", model, words, y)


def _others() -> Iterator[Case]:
    x = numbers()
    y = labels("two words", x)
    few = linear_model.LogisticRegression(l1_ratio=1.0, solver="liblinear", C=0.1)
    yield Case("found", "sparsified weights", lambda: few.fit(x, y).sparsify())
