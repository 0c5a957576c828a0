"""Owns what a fitted model answers, as arrays by output name. Knows nothing of how it was opened, or of ONNX.

Plain Python 3.8: see this package.
"""

from __future__ import annotations

import time
import warnings
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Collection, Dict, Mapping, NamedTuple  # noqa: UP035

import numpy as np

from convert.witness.frame import Categories, as_records, for_model

if TYPE_CHECKING:
    from convert.witness.frame import Array, Table

# by output name; several targets of one classifier are probabilities_0, probabilities_1, ...
Answers = Dict[str, "Array"]  # noqa: UP006


class Question(NamedTuple):
    """How a model is asked: its kind, as in a file's metadata; whether it was fitted on column names; what its rows are
    to it ("table", "texts", "labels" or "records", which are dicts); its columns of pandas categories; those where a
    missing value is None; and those that hold dates, with numpy's unit of them. ``alone``: each row by itself;
    ``own_texts``: texts as pandas holds them by itself, in place of objects; ``flags``: columns of True, False and
    missing ones, as objects."""

    kind: str
    named: bool
    form: str
    native: Mapping[str, Categories]
    nones: Collection[str]
    dates: Mapping[str, str] = MappingProxyType({})
    alone: bool = False
    own_texts: bool = False
    flags: Collection[str] = frozenset()


def ask(model: Any, question: Question, table: Table) -> tuple[Answers, float]:
    """Everything a file of this model answers, for these rows; and how many seconds the model took.

    Raises what the model raises.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # overflow at the extremes, feature names: none of it is news to anybody
        x: Any = next(iter(table.values()))
        if question.form == "records":
            x = as_records(table)
        elif question.form == "table":
            held = (question.native, question.nones, question.dates, question.own_texts, question.flags)
            x = for_model(table, question.named, *held)
        began = time.perf_counter()
        answers = (_each if question.alone else answer)(model, question.kind, x)
        seconds = time.perf_counter() - began
    rows = len(next(iter(table.values())))
    for name, values in answers.items():
        if np.ndim(values) == 0 or len(values) != rows:
            raise ValueError(f"its {name} of {rows} rows has the shape {np.shape(values)}")
    return answers, seconds


def _each(model: Any, kind: str, x: Any) -> Answers:
    """As `answer`, asked about one row after another; about no row as about none."""
    rows = [x.iloc[at : at + 1] if hasattr(x, "iloc") else x[at : at + 1] for at in range(len(x))]
    answers = [answer(model, kind, row) for row in rows or [x]]
    return {name: np.concatenate([of_row[name] for of_row in answers]) for name in answers[0]}


def answer(model: Any, kind: str, x: Any) -> Answers:
    """Everything that a model of this kind answers to ``x``, which is what it takes. Raises what the model raises."""
    if kind == "transformer":
        made = _dense(model.transform(x))  # SparsePCA answers one row with a vector
        return {"transformed": made.reshape(1, -1) if made.ndim == 1 and len(x) == 1 < len(made) else made}
    if kind == "regressor":
        return {"value": np.asarray(_values(model, x), np.float64)}
    answers = {"label": _labels(model.predict(x))}
    if answers["label"].shape[1:] == (1,) and not isinstance(getattr(model, "classes_", None), list):
        answers["label"] = answers["label"].reshape(-1)  # CatBoost gives labels of several classes as a column
    answers.update(_scores(model, kind, x, answers["label"]))
    return answers


def _values(model: Any, x: Any) -> Any:
    """XGBoost's own Booster reads a matrix of its own kind."""
    if type(model).__module__ != "xgboost.core":
        return model.predict(x)
    import xgboost  # type: ignore[import-not-found,unused-ignore]  # optional

    return model.predict(xgboost.DMatrix(x, enable_categorical=True))


def _scores(model: Any, kind: str, x: Any, label: Array) -> Answers:
    if kind == "outlier_detector":
        return {"scores": np.asarray(model.decision_function(x), np.float64)}
    if hasattr(model, "predict_proba"):
        given = model.predict_proba(x)
        if isinstance(given, list):
            return {f"probabilities_{target}": np.asarray(p) for target, p in enumerate(given)}
        if np.ndim(label) == 2:  # a set of labels: one yes-or-no pair for each
            return {f"probabilities_{i}": np.stack([1 - p, p], axis=1) for i, p in enumerate(np.transpose(given))}
        return {"probabilities": np.asarray(given)}
    if hasattr(model, "decision_function"):
        return {"scores": np.asarray(model.decision_function(x), np.float64)}
    return {}


def _labels(values: Any) -> Array:
    array = np.asarray(values)
    if array.dtype.kind in "iu":
        return array.astype(np.int64)
    return array.astype(object) if array.dtype.kind == "U" else array


def _dense(values: Any) -> Array:
    dense = values.toarray() if hasattr(values, "toarray") else np.asarray(values)
    return dense.astype(np.float64) if dense.dtype.kind in "fiub" else dense
