"""Owns what a fitted model says of itself: what a row is to it, how wide, by which names, what kind of model it is.

Knows nothing of its answers.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from sklearn import base, isotonic, preprocessing
from sklearn.feature_extraction import DictVectorizer, FeatureHasher, text
from sklearn.pipeline import Pipeline

from convert.errors import Refused
from convert.exporters.records import words_by_name
from convert.inside import DEEPEST, inwards
from convert.tracing.steps import is_own
from server.artefact.metadata import Kind

DOCUMENT, LABEL = "text", "label"  # the name of the one column of a model of texts, and of labels
Form = Literal["table", "texts", "labels", "records"]
MOST_COLUMNS = 1 << 20
BOOSTER = "Booster"  # of XGBoost or LightGBM, by itself
VALUED = frozenset((BOOSTER, "LGBMRanker", "XGBRanker"))  # they answer values, and say of themselves nothing
HASHED_ALIKE = {  # by what a FeatureHasher reads: what a file takes in its place
    "dict": "give rows with those names: --data ROWS.csv; or use a DictVectorizer",
    "pair": "put FeatureHasher({settings}) in its place, which reads dict(row) and makes the same columns of it:"
    " nothing is fitted again; then give rows with those names: --data ROWS.csv",
    "string": "put HashingVectorizer(n_features={settings}, norm=None, lowercase=False, token_pattern=r'\\S+') in its"
    " place, which reads ' '.join(row) and makes the same columns of words without spaces: nothing is fitted again",
}


def form_of(model: Any, data: tuple[str, ...]) -> tuple[Form, tuple[str, ...]]:
    """What a row is to a model, and the names of its columns where that is no table: ``data`` where it knows none."""
    if reads_documents(model):
        return "texts", (DOCUMENT,)
    if isinstance(model, preprocessing.LabelEncoder | preprocessing.LabelBinarizer) and hasattr(model, "classes_"):
        return "labels", (LABEL,)
    for reader in inwards(model):
        if isinstance(reader, FeatureHasher) and reader.input_type == "dict" and data:
            return "records", data
        if isinstance(reader, FeatureHasher | preprocessing.MultiLabelBinarizer):
            raise Refused(
                f"a {type(reader).__name__} reads rows of any names or labels, and a file has a schema",
                _known_rows(reader),
            )
        if isinstance(reader, DictVectorizer) and hasattr(reader, "feature_names_"):
            return "records", tuple(words_by_name(reader))
    return "table", ()


def _known_rows(reader: Any) -> str:
    """What helps where a step reads rows that no schema tells."""
    if not isinstance(reader, FeatureHasher):
        return "leave it out: a file of several labels answers them already"
    signs = "" if reader.alternate_sign else ", alternate_sign=False"
    return HASHED_ALIKE.get(reader.input_type, HASHED_ALIKE["dict"]).format(settings=f"{reader.n_features}{signs}")


def reads_documents(model: Any) -> bool:
    """Whether a row of this model is one text: a text vectorizer is the first to see it."""
    return any(isinstance(reader, text.CountVectorizer | text.HashingVectorizer) for reader in inwards(model))


def width_of(model: Any) -> int | None:
    """How many columns; a CatBoost model that was unpickled says 0, but has their names."""
    for counted in ("num_features", "num_feature"):  # XGBoost's own Booster, LightGBM's
        if type(model).__name__ == BOOSTER and hasattr(model, counted):
            return _count(model, getattr(model, counted)())
    if isinstance(model, isotonic.IsotonicRegression):
        return 1 if hasattr(model, "X_min_") else None
    for reader in inwards(model):
        told = _count(reader, getattr(reader, "n_features_in_", None))
        if width := told or len(getattr(reader, "feature_names_", ())):
            return width
    return None


def _count(model: Any, told: Any) -> int:
    """A number of columns, 0 where it is not told: each is named, so that a false one would take all memory."""
    if told is None:
        return 0
    if not isinstance(told, int | np.integer) or not 0 <= told <= MOST_COLUMNS:
        raise Refused(
            f"this {_keeper(model, 'n_features_in_')} does not say of how many columns it is (n_features_in_),"
            f" or of more than {MOST_COLUMNS:,}",
            "the file is damaged or was changed: fit and pickle the model again",
        )
    return int(told)


def given_names(model: Any) -> Any:
    """The column names it was fitted on; None where it was fitted on an array."""
    if type(model).__name__ == BOOSTER:
        named = model.feature_name() if hasattr(model, "feature_name") else model.feature_names
        return None if named is None or list(named) == [f"Column_{i}" for i in range(len(named))] else named
    for reader in inwards(model):
        if (names := getattr(reader, "feature_names_in_", None)) is not None:
            return _texts(reader, "feature_names_in_", names)
        counted = getattr(reader, "feature_names_", None)  # CatBoost's: "0", "1", ... where there were none
        if counted is not None and list(counted) != [str(i) for i in range(len(counted))]:
            return counted
    return None


def _texts(model: Any, attribute: str, names: Any) -> Any:
    """Names as they are, if they are a list of texts. Raises Refused."""
    if np.ndim(names) != 1 or not all(isinstance(name, str) for name in names):
        raise Refused(
            f"what this {_keeper(model, attribute)} has as its {attribute}, of type {type(names).__name__},"
            " is no list of names",
            "the file is damaged or was changed: fit and pickle the model again",
        )
    return names


def _keeper(model: Any, attribute: str) -> str:
    """The class of the estimator that has an attribute itself: a pipeline asks its first step."""
    return type(
        next((reader for reader in inwards(model) if attribute in getattr(reader, "__dict__", ())), model)
    ).__name__


def kind_of(model: Any) -> Kind:
    """What it predicts, or that it transforms."""
    if type(model).__name__ in VALUED:
        return "regressor"
    if (by_mixin := told_by_mixin(model)) is not None:
        return by_mixin
    if not hasattr(model, "__sklearn_tags__"):  # a class of a person's own that inherits nothing
        told = getattr(model, "_estimator_type", None)
        if told in ("classifier", "regressor"):
            return "classifier" if told == "classifier" else "regressor"
        return "clusterer" if hasattr(model, "predict") else "transformer"
    if base.is_classifier(model):
        return "classifier"
    if base.is_regressor(model):
        return "regressor"
    if base.is_outlier_detector(model):
        return "outlier_detector"
    return "clusterer" if hasattr(model, "predict") else "transformer"


def told_by_mixin(model: Any) -> Kind | None:
    """What a class of a person's own, the last to see the rows, is by its mixin, wherever among its bases that stands.

    Of ``class Own(BaseEstimator, RegressorMixin)`` scikit-learn's own tags do not say what it is; one without a mixin
    that has probabilities is a classifier.
    """
    last = last_step(model)
    if not is_own(last):
        return None
    if isinstance(last, base.RegressorMixin):
        return "regressor"
    chances = getattr(last, "_estimator_type", None) is None and hasattr(last, "predict_proba")
    return "classifier" if isinstance(last, base.ClassifierMixin) or chances else None


def last_step(model: Any) -> Any:
    """What answers at the end of a pipeline, or of a search."""
    for _ in range(DEEPEST):
        if isinstance(model, Pipeline) and model.steps:
            model = model.steps[-1][1]
        elif hasattr(model, "best_estimator_"):
            model = model.best_estimator_
        else:
            break
    return model
