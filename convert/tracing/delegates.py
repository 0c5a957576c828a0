"""Owns the estimators of libraries that a person's own class holds: while it is recorded, their exporters answer."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
from sklearn.base import is_classifier

from convert.exporters.registry import PREDICTIONS, TRANSFORMS, Exporter
from convert.graph.columns import Columns, columns
from convert.graph.graph import Tensor
from convert.tracing.recorder.recorder import quietly
from convert.tracing.recorder.refusals import RECORDED, refuse
from convert.tracing.standins.series.categories import plain
from convert.tracing.standins.standin import StandIn

METHODS = ("transform", "predict", "predict_proba")
DEEPEST = 4  # lists in dicts in lists


@contextmanager
def answering(e: Exporter, owner: Any) -> Iterator[None]:
    """Within the block the estimators that ``owner`` holds take stand-ins."""
    with ExitStack() as stack:
        for inner in _held(vars(owner), DEEPEST):
            for method in METHODS:
                if hasattr(inner, method):
                    ours = functools.partial(_answer, e, inner, method, getattr(inner, method))
                    stack.enter_context(replaced(inner, method, ours))
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


def _held(value: Any, depth: int) -> Iterator[Any]:
    if type(value) in TRANSFORMS or type(value) in PREDICTIONS:
        yield value
    elif depth and type(value) in (list, tuple, dict):
        for inner in value.values() if type(value) is dict else value:
            yield from _held(inner, depth - 1)


def _answer(e: Exporter, inner: Any, method: str, own: Callable[[Any], Any], x: Any) -> Any:
    if not isinstance(x, StandIn):
        return own(x)
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


def _predicted(e: Exporter, inner: Any, method: str, x: Columns) -> Tensor:
    prediction = e.predict(inner, x)
    if method == "predict_proba":
        return prediction.need("probabilities")
    if not is_classifier(inner) and prediction.value is not None:
        return prediction.value
    if prediction.label is not None:
        return prediction.label
    if prediction.index is None:
        raise refuse(f"predict of {type(inner).__name__} within it is not recorded", RECORDED)
    classes = np.asarray(inner.classes_)
    table = e.graph.constant(classes.astype(object) if classes.dtype.kind == "U" else classes)
    return e.graph.op("Gather", table, prediction.index, axis=0)
