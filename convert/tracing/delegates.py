"""Owns the estimators of libraries that a person's own class holds: while it is recorded, their exporters answer."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
from sklearn.base import is_classifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import LabelEncoder

from convert.exporters.registry import PREDICTIONS, TRANSFORMS, Exporter
from convert.graph.columns import Columns, columns
from convert.graph.graph import Tensor
from convert.tracing.recorder.learned import MissingColumn
from convert.tracing.recorder.recorder import quietly
from convert.tracing.recorder.refusals import RECORDED, refuse
from convert.tracing.standins.series.categories import plain
from convert.tracing.standins.standin import StandIn

METHODS = ("transform", "predict", "predict_proba", "decision_function")
SCORES = {"predict_proba": "probabilities", "decision_function": "scores"}
DEEPEST = 4  # lists in dicts in lists


@contextmanager
def answering(e: Exporter, owner: Any) -> Iterator[None]:
    """Within the block the estimators that ``owner`` holds take stand-ins."""
    with ExitStack() as stack:
        for inner in held_by(owner):
            for method in METHODS:
                if hasattr(inner, method):
                    ours = functools.partial(_answer, e, inner, method, getattr(inner, method))
                    stack.enter_context(replaced(inner, method, ours))
            if type(classes := vars(inner).get("classes_")) is np.ndarray and classes.ndim == 1:
                stack.enter_context(replaced(inner, "classes_", classes.view(Lookup)))
            if type(inner) is LabelEncoder:
                stack.enter_context(replaced(inner, "inverse_transform", functools.partial(_label_of, inner)))
        for name, value in list(vars(owner).items()):
            if type(value) is np.ndarray and value.ndim == 1:
                stack.enter_context(replaced(owner, name, value.view(Lookup)))
        yield


class Lookup(np.ndarray):
    """A constant array in which rows look something up, as in ``self.classes_[index]``."""

    def __getitem__(self, key: Any) -> Any:
        plain = self.view(np.ndarray)
        if not isinstance(key, StandIn):
            return plain[key]
        if key.concrete.dtype.kind not in "iu" or key.concrete.ndim != 1:
            raise refuse("it looks something up by what are no whole numbers, one for each row", RECORDED)
        table = key.recorder.graph.constant(plain.astype(object) if plain.dtype.kind in "UO" else plain)
        made = table.graph.op("Gather", table, key.tensor.cast(np.int64), axis=0)
        return key.recorder.wrap(plain[key.concrete], columns(made, 1))


@contextmanager
def replaced(estimator: Any, name: str, value: Any) -> Iterator[None]:
    """Within the block an attribute of this one object is another."""
    held = vars(estimator)
    before, there = held.get(name), name in held
    held[name] = value
    try:
        yield
    finally:
        if there:
            held[name] = before
        else:
            del held[name]


def held_by(owner: Any) -> Iterator[Any]:
    """The estimators of libraries that a person's own object keeps, by itself, in lists or in others of its own."""
    return _held(vars(owner), DEEPEST)


def _held(value: Any, depth: int) -> Iterator[Any]:
    if type(value) in TRANSFORMS or type(value) in PREDICTIONS:
        yield value
        if type(value) is Pipeline and value.steps:  # whose classes_ are its last step's
            yield from _held(value.steps[-1][1], 0)
    elif depth and type(value) in (list, tuple, dict):
        for inner in value.values() if type(value) is dict else value:
            yield from _held(inner, depth - 1)
    elif depth and any(hasattr(value, method) for method in METHODS) and hasattr(value, "__dict__"):
        yield from _held(vars(value), depth - 1)


def _label_of(encoder: Any, codes: Any) -> Any:
    """As LabelEncoder.inverse_transform."""
    return encoder.classes_[codes] if isinstance(codes, StandIn) else LabelEncoder.inverse_transform(encoder, codes)


def _answer(e: Exporter, inner: Any, method: str, own: Callable[[Any], Any], x: Any) -> Any:
    if not isinstance(x, StandIn):
        return own(x)
    _hand_over(inner, x)
    with quietly():
        concrete = own(x.concrete)
    if hasattr(concrete, "toarray"):
        raise refuse(f"{type(inner).__name__} within it makes a sparse matrix", "sparse_output=False")
    given = plain(x).columns_
    if method == "transform":
        return x.recorder.wrap(concrete, e.transform(inner, given))
    width = concrete.shape[1] if concrete.ndim > 1 else 1
    made = _predicted(e, inner, method, given).reshape(-1, width)
    return x.recorder.wrap(concrete, Columns(e.graph, ((made, width),)))


def _hand_over(inner: Any, x: StandIn) -> None:
    """Notes which columns of the input an estimator sees. Raises MissingColumn, or NeedsText, for what it lacks."""
    recorder, names = x.recorder, getattr(inner, "feature_names_in_", None)
    given = getattr(x.concrete, "columns", None)  # none of an array
    if names is not None and given is not None:
        for name in names:
            if name not in given:
                raise MissingColumn(name)
    singles = [x.columns_.take([at]).parts[0][0] for at in range(x.columns_.width)]
    origins = [recorder.origin(tensor) for tensor in singles]
    recorder.handed_over.append((inner, origins))
    for at in recorder.texts_of(inner):
        if at < len(singles) and origins[at] is not None:
            recorder.need_text(singles[at], f"what {type(inner).__name__} reads")


def _predicted(e: Exporter, inner: Any, method: str, x: Columns) -> Tensor:
    prediction = e.predict(inner, x)
    if method in SCORES:
        return prediction.need(SCORES[method])
    if not is_classifier(inner) and prediction.value is not None:
        return prediction.value
    if prediction.label is not None:
        return prediction.label
    if prediction.index is None:
        raise refuse(f"predict of {type(inner).__name__} within it is not recorded", RECORDED)
    classes = np.asarray(inner.classes_)
    table = e.graph.constant(classes.astype(object) if classes.dtype.kind == "U" else classes)
    return e.graph.op("Gather", table, prediction.index, axis=0)
