"""Owns the cases of wrappers: each of scikit-learn's round every form of rows, and settings of theirs.

Knows nothing of converting. What scikit-learn itself does not fit is no case.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas
from sklearn import (
    base,
    calibration,
    compose,
    ensemble,
    feature_selection,
    frozen,
    impute,
    linear_model,
    model_selection,
    multiclass,
    multioutput,
    pipeline,
    preprocessing,
    semi_supervised,
    svm,
)
from sklearn.feature_extraction import text
from sklearn.model_selection._search_successive_halving import HalvingGridSearchCV, HalvingRandomSearchCV

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

Wrap = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Form:
    """What a wrapper stands round: ``x``, and ``inner``, which makes a pipeline that reads it of a last estimator."""

    x: Any
    inner: Callable[[Any], Any]


def _columns(number: list[Any], word: list[Any]) -> Any:
    filled = pipeline.make_pipeline(impute.SimpleImputer(strategy="median"), preprocessing.StandardScaler())
    coded = preprocessing.OneHotEncoder(handle_unknown="ignore")
    return compose.ColumnTransformer([("n", filled, number), ("w", coded, word)], remainder="passthrough")


def _forms() -> Mapping[str, Form]:
    """By name; wrappers that make an array of a table need columns by position, and some of them no missing value."""
    table, _ = mixed()
    by_name = _columns(["Age (years)", "income"], ["city", "plan"])
    by_position = _columns([0, 1], [2, 3])
    return {
        "numbers": Form(numbers(), scaled),
        "bare numbers": Form(numbers(), lambda last: last),
        "numbers, some missing": Form(
            np.where(random().random((ROWS, COLUMNS)) < 0.1, np.nan, numbers()),
            lambda last: pipeline.make_pipeline(impute.SimpleImputer(), preprocessing.StandardScaler(), last),
        ),
        "mixed columns": Form(table, lambda last: pipeline.make_pipeline(by_name, last)),
        "mixed columns by position": Form(table, lambda last: pipeline.make_pipeline(by_position, last)),
        "mixed columns by position, none missing": Form(
            table.fillna({"income": 0.0}), lambda last: pipeline.make_pipeline(by_position, last)
        ),
        "texts": Form(documents()[0], lambda last: pipeline.make_pipeline(text.TfidfVectorizer(), last)),
    }


FORMS = _forms()


def _value(form: str, x: Any) -> Any:
    """[300] numbers that depend on the rows."""
    if form == "texts":
        return np.array([len(document) + 10.0 * ("good" in document) for document in x])
    if "numbers" in form:
        return signal(numbers())
    return np.asarray(x["Age (years)"] + 20.0 * (x["city"] == "Paris") - 10.0 * x["member"])


def _target(kind: str, value: Any) -> Any:
    two, three = value > np.median(value), np.digitize(value, np.quantile(value, [0.33, 0.66]))
    return {
        "two words": np.array(["no", "yes"])[two.astype(int)],
        "three words": np.array(["à", "b", "c d"])[three],
        "some unlabelled": np.where(np.arange(ROWS) % 10 == 0, -1, three),
        "value": value,
        "two targets": np.column_stack([three, two]),
        "two labels": np.column_stack([two, three > 0]).astype(int),
        "two values": np.column_stack([value, value**2]),
    }[kind]


def _pair(inner: Any) -> list[tuple[str, Any]]:
    """Two members of different kinds that read the same rows."""
    other = ensemble.RandomForestClassifier if base.is_classifier(inner) else ensemble.RandomForestRegressor
    forest = other(10, random_state=0)
    if isinstance(inner, pipeline.Pipeline):
        return [("linear", inner), ("forest", pipeline.Pipeline([*inner.steps[:-1], ("forest", forest)]))]
    return [("linear", inner), ("forest", forest)]


def _importance(inner: Any) -> str:
    return f"named_steps.{inner.steps[-1][0]}.coef_" if isinstance(inner, pipeline.Pipeline) else "auto"


def _union(inner: Any) -> Any:
    """The steps before the last one twice, side by side."""
    before = pipeline.Pipeline(inner.steps[:-1])
    return pipeline.make_pipeline(pipeline.FeatureUnion([("a", before), ("b", before)]), inner.steps[-1][1])


WRAPPERS: Mapping[str, Mapping[str, Wrap]] = {  # by target
    "three words": {
        "AdaBoostClassifier": lambda inner: ensemble.AdaBoostClassifier(inner, n_estimators=5, random_state=0),
        "BaggingClassifier": lambda inner: ensemble.BaggingClassifier(inner, 5, random_state=0),
        "BaggingClassifier, some columns": lambda inner: ensemble.BaggingClassifier(inner, 5, max_features=3),
        "CalibratedClassifierCV, isotonic": lambda inner: calibration.CalibratedClassifierCV(inner, method="isotonic"),
        "CalibratedClassifierCV, one": lambda inner: calibration.CalibratedClassifierCV(inner, ensemble=False),
        "FeatureUnion": _union,
        "FrozenEstimator": frozen.FrozenEstimator,
        "GridSearchCV": lambda inner: model_selection.GridSearchCV(inner, {}, cv=2),
        "HalvingGridSearchCV": lambda inner: HalvingGridSearchCV(inner, {}, cv=2),
        "HalvingRandomSearchCV": lambda inner: HalvingRandomSearchCV(inner, {}, cv=2, random_state=0),
        "OneVsOneClassifier": multiclass.OneVsOneClassifier,
        "OneVsRestClassifier": multiclass.OneVsRestClassifier,
        "OutputCodeClassifier": lambda inner: multiclass.OutputCodeClassifier(inner, random_state=0),
        "Pipeline": lambda inner: pipeline.Pipeline([("idle", "passthrough"), ("inner", inner)]),
        "RandomizedSearchCV": lambda inner: model_selection.RandomizedSearchCV(inner, {}, n_iter=1, cv=2),
        "RFE": lambda inner: feature_selection.RFE(inner, n_features_to_select=3, importance_getter=_importance(inner)),
        "RFECV": lambda inner: feature_selection.RFECV(inner, cv=2, importance_getter=_importance(inner)),
        "SelectFromModel": lambda inner: feature_selection.SelectFromModel(inner, importance_getter=_importance(inner)),
        "SequentialFeatureSelector": lambda inner: feature_selection.SequentialFeatureSelector(
            inner, n_features_to_select=2, cv=2
        ),
        "StackingClassifier": lambda inner: ensemble.StackingClassifier(_pair(inner), cv=2),
        "StackingClassifier, passthrough": lambda inner: ensemble.StackingClassifier(
            _pair(inner), linear_model.LogisticRegression(max_iter=5000), cv=2, passthrough=True
        ),
        "VotingClassifier, hard": lambda inner: ensemble.VotingClassifier(_pair(inner)),
        "VotingClassifier, soft": lambda inner: ensemble.VotingClassifier(_pair(inner), voting="soft"),
    },
    "some unlabelled": {"SelfTrainingClassifier": semi_supervised.SelfTrainingClassifier},
    "two words": {
        "CalibratedClassifierCV": calibration.CalibratedClassifierCV,
        "FixedThresholdClassifier": lambda inner: model_selection.FixedThresholdClassifier(inner, threshold=0.3),
        "TunedThresholdClassifierCV": lambda inner: model_selection.TunedThresholdClassifierCV(inner, cv=2),
    },
    "two targets": {"MultiOutputClassifier": multioutput.MultiOutputClassifier},
    "two labels": {
        "ClassifierChain": lambda inner: multioutput.ClassifierChain(inner, order=[1, 0]),
        "OneVsRestClassifier, labels": multiclass.OneVsRestClassifier,
    },
    "value": {
        "AdaBoostRegressor": lambda inner: ensemble.AdaBoostRegressor(inner, n_estimators=5, random_state=0),
        "BaggingRegressor": lambda inner: ensemble.BaggingRegressor(inner, 5, random_state=0),
        "GridSearchCV, regressor": lambda inner: model_selection.GridSearchCV(inner, {}, cv=2),
        "RANSACRegressor": lambda inner: linear_model.RANSACRegressor(inner, min_samples=100, random_state=0),
        "StackingRegressor": lambda inner: ensemble.StackingRegressor(_pair(inner), cv=2),
        "TransformedTargetRegressor": lambda inner: compose.TransformedTargetRegressor(
            inner, transformer=preprocessing.StandardScaler()
        ),
        "VotingRegressor": lambda inner: ensemble.VotingRegressor(_pair(inner), weights=[1, 2]),
    },
    "two values": {
        "MultiOutputRegressor": multioutput.MultiOutputRegressor,
        "RegressorChain": multioutput.RegressorChain,
    },
}


def every_wrapper() -> Iterator[Case]:
    """Each wrapper round each form; a linear model is the last one inside."""
    for name, form in FORMS.items():
        for kind, wrappers in WRAPPERS.items():
            for wrapper, wrap in wrappers.items():
                yield Case(f"wrappers round {name}", wrapper, _made(name, form, kind, wrap))


def _made(name: str, form: Form, kind: str, wrap: Wrap) -> Callable[[], Any]:
    def make() -> Any:
        value = "value" in kind
        last = linear_model.Ridge() if value else linear_model.LogisticRegression(max_iter=1000)
        y = _target(kind, _value(name, form.x))
        inner = form.inner(last)
        model = wrap(inner.fit(form.x, y) if wrap is frozen.FrozenEstimator else inner).fit(form.x, y)
        (model.predict if hasattr(model, "predict") else model.transform)(_whole_rows(form.x))  # else it is no case
        return model

    return make


def _whole_rows(x: Any) -> Any:
    """Rows that it was fitted on, without missing values."""
    return x[:5] if np.ndim(x) == 1 else x[~np.asarray(pandas.isna(x)).any(axis=1)][:5]


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
