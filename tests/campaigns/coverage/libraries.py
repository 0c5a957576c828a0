"""Owns the cases of the libraries round scikit-learn that are installed, by group. Knows nothing of converting."""

from __future__ import annotations

import functools
import importlib
import importlib.util
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas
from sklearn import compose, impute, linear_model, model_selection, pipeline, preprocessing, tree
from sklearn.feature_extraction import text

from tests.campaigns.coverage.data import Case, case, documents, labels, mixed, numbers, signal

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


def engines() -> Iterator[Case]:
    """feature-engine: each step before a forest, some alone, and the chain of a usual notebook."""
    if importlib.util.find_spec("feature_engine") is None:
        return
    table, y = mixed()
    table = table.drop(columns="member")
    whole = table.assign(income=table["income"].fillna(1.0))
    numeric = whole[["Age (years)", "income"]]
    holed = table.assign(city=table["city"].where(np.arange(len(table)) % 7 > 0, None))
    ordinal = _engine("encoding", "OrdinalEncoder", unseen="encode", encoding_method="arbitrary")
    frequent = _engine("imputation", "CategoricalImputer", imputation_method="frequent", variables=["city"])
    filled, marked = (_engine("imputation", name) for name in ("CategoricalImputer", "AddMissingIndicator"))
    rare = _engine("encoding", "RareLabelEncoder", tol=0.35, n_categories=2)
    steps = {
        "holes": [
            [_engine("imputation", "MeanMedianImputer"), filled, ordinal],
            [marked, _engine("imputation", "ArbitraryNumberImputer"), frequent, ordinal],
            [_engine("imputation", "EndTailImputer"), filled, rare, _engine("encoding", "OneHotEncoder")],
        ],
        "words": [[_engine("encoding", name, **settings)] for name, settings in ENCODERS.items()],
        "numbers": [[_engine(module, name, **settings)] for module, name, settings in NUMERIC],
    }
    for kind, chains in steps.items():
        x = {"holes": holed, "words": whole, "numbers": numeric}[kind]
        for chain in chains:
            last = tree.DecisionTreeClassifier(max_depth=6, random_state=0)
            name = " > ".join(_short(step) for step in chain)
            yield case("engines", f"{name} > tree", pipeline.make_pipeline(*chain, last), x, (y == "gone").astype(int))
            if kind == "numbers":
                yield case("engines", name, chain[0], x, (y == "gone").astype(int))


def encoders() -> Iterator[Case]:
    """category_encoders: each encoder before a linear model and a forest, and what is unknown or missing."""
    if importlib.util.find_spec("category_encoders") is None:
        return
    library = importlib.import_module("category_encoders")
    table, y = mixed()
    table = table.drop(columns="member").assign(income=table["income"].fillna(1.0))
    holed = table.assign(city=table["city"].where(np.arange(len(table)) % 7 > 0, None))
    lasts = (linear_model.LogisticRegression(max_iter=1000), tree.DecisionTreeClassifier(max_depth=6, random_state=0))
    for name in OF_CATEGORIES:
        for words, x in (("", table), (", some missing", holed)):
            for last in lasts:
                made = getattr(library, name)(cols=["city", "plan"])
                steps = pipeline.make_pipeline(made, preprocessing.StandardScaler(), last)
                yield case("encoders", f"{name}{words} > {type(last).__name__}", steps, x, (y == "gone").astype(int))
    for unknown in ("return_nan", "error"):
        made = library.TargetEncoder(cols=["city"], handle_unknown=unknown, handle_missing="return_nan")
        yield case("encoders", f"TargetEncoder, unknown: {unknown}", made, table.drop(columns="plan"), y == "gone")
    named = library.OneHotEncoder(cols=["city"], use_cat_names=True, drop_invariant=True)
    yield case("encoders", "OneHotEncoder, named", named, table.drop(columns="plan"))


def statistics() -> Iterator[Case]:
    """statsmodels: each regression by tables and arrays, every link, and a formula of plain columns."""
    if importlib.util.find_spec("statsmodels") is None:
        return
    library = importlib.import_module("statsmodels.api")
    x = library.add_constant(pandas.DataFrame(numbers()[:, :3], columns=["age", "size", "score"]))
    y = signal(numbers())
    yes, counts, sizes = (y > 0).astype(int), np.random.default_rng(1).poisson(np.exp(y / 3)), np.exp(y / 3)
    for name in ("OLS", "WLS", "GLS", "RLM", "QuantReg", "Logit", "Probit", "Poisson"):
        target = {"Logit": yes, "Probit": yes, "Poisson": counts}.get(name, y)
        for what, rows in (("table", x), ("array", np.asarray(x))):
            made = functools.partial(getattr(library, name), target, rows)
            yield Case("statistics", f"{name} of a {what}", functools.partial(_fitted, made))
    families = library.families
    for target, family in (
        (yes, families.Binomial()),
        (yes, families.Binomial(families.links.Probit())),
        (yes, families.Binomial(families.links.CLogLog())),
        (counts, families.Poisson()),
        (counts, families.NegativeBinomial(alpha=0.5)),
        (counts, families.Tweedie(var_power=1.5)),
        (y, families.Gaussian()),
        (sizes, families.Gamma(families.links.Log())),
    ):
        name = f"GLM {type(family).__name__} {type(family.link).__name__}"
        yield Case("statistics", name, functools.partial(_fitted, functools.partial(library.GLM, target, x, family)))
    table = x.drop(columns="const").assign(y=y, yes=yes)
    formulas = importlib.import_module("statsmodels.formula.api")
    for name, formula in (("ols", "y ~ age + size"), ("ols", "y ~ age + score - 1"), ("logit", "yes ~ age + size")):
        made = functools.partial(getattr(formulas, name), formula, table)
        yield Case("statistics", f"{name} {formula}", functools.partial(_fitted, made))


def _fitted(make: Any) -> Any:
    """With what a summary leaves in it, as people look at one before they save."""
    model = make()
    result = model.fit(disp=0) if type(model).__name__ in ("Logit", "Poisson", "Probit") else model.fit()
    result.summary()
    return result


OF_CATEGORIES = (
    "BinaryEncoder", "CatBoostEncoder", "CountEncoder", "JamesSteinEncoder", "LeaveOneOutEncoder", "MEstimateEncoder",
    "OneHotEncoder", "OrdinalEncoder", "TargetEncoder", "WOEEncoder", "HelmertEncoder", "SumEncoder",
)  # fmt: skip


def _short(step: Any) -> str:
    return " ".join(repr(step).split())


def _engine(module: str, name: str, **settings: Any) -> Any:
    return getattr(importlib.import_module(f"feature_engine.{module}"), name)(**settings)


ENCODERS: dict[str, dict[str, Any]] = {
    "CountFrequencyEncoder": {"unseen": "encode"},
    "DecisionTreeEncoder": {"regression": False, "cv": 2, "random_state": 0},
    "MeanEncoder": {"unseen": "encode", "smoothing": 5.0},
    "OneHotEncoder": {"drop_last": True},
    "OrdinalEncoder": {"encoding_method": "ordered"},
    "WoEEncoder": {"fill_value": 0.01},
}
NUMERIC: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("creation", "CyclicalFeatures", {}),
    ("discretisation", "ArbitraryDiscretiser", {"binning_dict": {"income": [0, 100, 20_000, 1e9]}}),
    ("discretisation", "DecisionTreeDiscretiser", {"regression": False, "cv": 2, "random_state": 0}),
    ("discretisation", "EqualFrequencyDiscretiser", {"q": 5}),
    ("discretisation", "EqualWidthDiscretiser", {"bins": 6}),
    ("discretisation", "GeometricWidthDiscretiser", {}),
    ("outliers", "ArbitraryOutlierCapper", {"max_capping_dict": {"income": 30_000.0}}),
    ("outliers", "Winsorizer", {"capping_method": "iqr", "tail": "both"}),
    ("outliers", "Winsorizer", {"capping_method": "quantiles", "tail": "both", "fold": 0.1, "add_indicators": True}),
    ("scaling", "MeanNormalizationScaler", {}),
    ("selection", "DropFeatures", {"features_to_drop": ["Age (years)"]}),
    ("selection", "DropConstantFeatures", {}),
    ("transformation", "BoxCoxTransformer", {}),
    ("transformation", "LogCpTransformer", {"C": 3}),
    ("transformation", "LogTransformer", {"base": "10"}),
    ("transformation", "PowerTransformer", {}),
    ("transformation", "ReciprocalTransformer", {}),
    ("transformation", "YeoJohnsonTransformer", {}),
)
GROUPS = (imbalanced, encoders, engines, statistics)
REFUSED: frozenset[str] = frozenset()  # by name, with a reason
