"""Owns the original model as the oracle: its kind, its classes, its answers. Knows nothing of ONNX."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn import base, isotonic
from sklearn.feature_extraction import text

from convert.errors import Refused
from convert.graph.graph import Array
from convert.inside import DEEPEST, inwards, is_bottomless
from convert.original.column_hints import ColumnHint, find_hints
from convert.original.frame import Categories, for_model
from convert.original.table import Table, length
from server.artefact.metadata import Kind, Scalar

ANYTHING = ("whatever it was", None, 1.5, True)  # what a client may send in a column that the model drops
DOCUMENT = "text"  # the name of the one column of a model of texts

# by output name; several targets of one classifier are probabilities_0, probabilities_1, ...
Answers = dict[str, Array]


@dataclass(frozen=True, slots=True)
class Original:
    """A fitted estimator with what must be known to ask it."""

    model: Any
    kind: Kind
    names: tuple[str, ...]
    named: bool
    hints: tuple[ColumnHint, ...]  # what the model gives away of each column
    documents: bool = False  # it takes a list of texts, not a table
    unread: tuple[tuple[int, str], ...] = ()  # columns that it drops, which are not in ``names``: where, and their name

    def ask(self, table: Table) -> Answers:
        """Everything a file of this model answers, for these rows. Raises what the model raises."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # overflow at the extremes, feature names: none of it is news to anybody
            x = next(iter(table.values())) if self.documents else self._rows(table)
            return self._ask(x)

    def _rows(self, table: Table) -> Any:
        """The rows with the columns that it drops in their places, filled with anything."""
        columns = list(table.items())
        for position, name in self.unread:
            columns.insert(position, (name, np.resize(np.array(ANYTHING, object), length(table))))
        return for_model(dict(columns), self.named, self._native(), self._nones())

    def _native(self) -> dict[str, Categories]:
        named = zip(self.names, self.hints, strict=True)
        return {name: Categories(tuple(dict.fromkeys(hint.known)), hint.closed) for name, hint in named if hint.native}

    def _nones(self) -> frozenset[str]:
        return frozenset(name for name, hint in zip(self.names, self.hints, strict=True) if hint.missing is None)

    def accepts(self, table: Table) -> bool:
        """Whether the original answers these rows at all."""
        try:
            self.ask(table)
        except Exception:  # noqa: BLE001  whatever it raises, it does not take them
            return False
        return True

    def _ask(self, x: Any) -> Answers:
        if self.kind == "transformer":
            return {"transformed": _dense(self.model.transform(x))}
        if self.kind == "regressor":
            return {"value": np.asarray(self.model.predict(x), np.float64)}
        answers = {"label": _labels(self.model.predict(x))}
        if answers["label"].shape[1:] == (1,) and not isinstance(getattr(self.model, "classes_", None), list):
            answers["label"] = answers["label"].reshape(-1)  # CatBoost gives labels of several classes as a column
        answers.update(self._scores(x, answers["label"]))
        return answers

    def _scores(self, x: Any, label: Array) -> Answers:
        if self.kind == "outlier_detector":
            return {"scores": np.asarray(self.model.decision_function(x), np.float64)}
        if hasattr(self.model, "predict_proba"):
            given = self.model.predict_proba(x)
            if isinstance(given, list):
                return {f"probabilities_{target}": np.asarray(p) for target, p in enumerate(given)}
            if np.ndim(label) == 2:  # a set of labels: one yes-or-no pair for each
                return {f"probabilities_{i}": np.stack([1 - p, p], axis=1) for i, p in enumerate(np.transpose(given))}
            return {"probabilities": np.asarray(given)}
        if hasattr(self.model, "decision_function"):
            return {"scores": np.asarray(self.model.decision_function(x), np.float64)}
        return {}

    def classes(self, answers: Answers) -> tuple[Scalar, ...] | tuple[tuple[Scalar, ...], ...] | None:
        """The classes with their own type, one tuple per target where there are several targets in ``answers``."""
        given = getattr(self.model, "classes_", None) if self.kind == "classifier" else None
        if given is None:  # a mixture's probabilities are those of its components, by number
            return tuple(range(answers["probabilities"].shape[1])) if "probabilities" in answers else None
        if isinstance(given, list):
            number = float if answers["label"].dtype.kind == "f" else None  # chains answer so, whatever their classes
            return tuple(tuple(np.asarray(target, number).tolist()) for target in given)
        labels = answers["label"].shape[1:]
        return (
            ((0, 1),) * labels[0] if labels else tuple(np.asarray(given).tolist())
        )  # a set of labels: each is there or not


def open_original(model: Any) -> Original:
    """What kind of model this is, and how wide. Raises Refused for what is no fitted estimator."""
    if is_bottomless(model):
        raise Refused(
            f"this {type(model).__name__} contains itself, or more than {DEEPEST} layers of estimators",
            "fit and pickle it again with fewer layers, each an estimator of its own",
        )
    if reads_documents(model):
        return Original(model, _kind(model), (DOCUMENT,), False, tuple(find_hints(model, 1)), documents=True)
    width = _width(model)
    if not hasattr(model, "predict") and not hasattr(model, "transform"):
        raise Refused(
            f"the file holds a {type(model).__module__}.{type(model).__qualname__}, not a scikit-learn estimator",
            "pickle the fitted estimator itself",
        )
    if width is None:
        raise Refused(f"this {type(model).__name__} is not fitted", "call fit before pickling")
    given = _given_names(model)
    names = tuple(f"x{i}" for i in range(width)) if given is None else tuple(str(name) for name in given)
    if len(set(names)) != len(names) or "" in names:
        raise Refused("column names are empty or appear twice", "fit on a table whose columns have distinct names")
    return Original(model, _kind(model), names, given is not None, tuple(find_hints(model, len(names))))


def reads_documents(model: Any) -> bool:
    """Whether a row of this model is one text: a text vectorizer is the first to see it."""
    return any(isinstance(reader, text.CountVectorizer | text.HashingVectorizer) for reader in inwards(model))


def _width(model: Any) -> int | None:
    """How many columns; a CatBoost model that was unpickled says 0, but has their names."""
    if isinstance(model, isotonic.IsotonicRegression):
        return 1 if hasattr(model, "X_min_") else None
    for reader in inwards(model):
        if width := getattr(reader, "n_features_in_", 0) or len(getattr(reader, "feature_names_", ())):
            return int(width)
    return None


def _given_names(model: Any) -> Any:
    """The column names it was fitted on; None where it was fitted on an array."""
    for reader in inwards(model):
        if (names := getattr(reader, "feature_names_in_", None)) is not None:
            return names
        counted = getattr(reader, "feature_names_", None)  # CatBoost's: "0", "1", ... where there were none
        if counted is not None and list(counted) != [str(i) for i in range(len(counted))]:
            return counted
    return None


def _kind(model: Any) -> Kind:
    if base.is_classifier(model):
        return "classifier"
    if base.is_regressor(model):
        return "regressor"
    if base.is_outlier_detector(model):
        return "outlier_detector"
    return "clusterer" if hasattr(model, "predict") else "transformer"


def _labels(values: Any) -> Array:
    array = np.asarray(values)
    if array.dtype.kind in "iu":
        return array.astype(np.int64)
    return array.astype(object) if array.dtype.kind == "U" else array


def _dense(values: Any) -> Array:
    dense = values.toarray() if hasattr(values, "toarray") else np.asarray(values)
    return dense.astype(np.float64) if dense.dtype.kind in "fiub" else dense
