"""Owns which steps of a model are a person's own, what rows they get, and how they stand in the graph."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, suppress
from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import check_array

from convert.exporters.functions import FUNCTIONS
from convert.exporters.registry import PREDICTIONS, TRANSFORMS, Exporter, Prediction, optional_family
from convert.graph.columns import Columns
from convert.graph.graph import Graph, Tensor
from convert.inside import inside
from convert.tracing.delegates import SCORES, answering, held_by, replaced
from convert.tracing.patches import globals_of
from convert.tracing.recorder.refusals import RECORDED, Untraceable
from convert.tracing.recording import Call, columns_of, record_twice

STILL = "keep nothing from one call of transform to the next: a graph's answer hangs on its rows alone"
METHODS = ("transform", "predict", "predict_proba", "decision_function")
LIBRARIES = ("sklearn.", "lightgbm.", "xgboost.", "catboost.")


def is_own(estimator: Any) -> bool:
    """Whether a step is a person's own: a class that no exporter is for, or a function of theirs in a transformer."""
    if type(estimator) is FunctionTransformer:
        known = estimator.func is None or _plain(estimator.func) is check_array
        return not known and (bool(estimator.kw_args) or not _in_table(estimator.func))
    if isinstance(estimator, str) or estimator is None or type(estimator).__module__.startswith(LIBRARIES):
        return False
    optional_family(estimator)
    known = type(estimator) in TRANSFORMS or type(estimator) in PREDICTIONS
    return not known and any(hasattr(estimator, method) for method in METHODS)


def _in_table(function: Any) -> bool:
    try:
        return function in FUNCTIONS
    except TypeError:
        return False


def _plain(function: Any) -> Any:
    return function.func if isinstance(function, functools.partial) else function


def own_steps(model: Any) -> Iterator[Any]:
    """A person's own steps in a model, at any depth."""
    if is_own(model):
        yield model
        for inner in held_by(model) if type(model) is not FunctionTransformer else ():
            yield from own_steps(inner)
    for part in inside(model):
        yield from own_steps(part.estimator)


def sharing(model: Any, shared: bool = False) -> Iterator[int]:
    """By id a person's own steps that see a table which others see after them, as in a FeatureUnion."""
    if is_own(model) and shared:
        yield id(model)
    parts = inside(model)
    beside = not isinstance(model, Pipeline) and sum(part.columns is None for part in parts) > 1
    for part in parts:
        yield from sharing(part.estimator, part.columns is None and (shared or beside))


def call_of(estimator: Any, e: Exporter, method: str = "") -> Call:
    """What a step does with a table, without what scikit-learn makes of its answer: transforms, or else predicts."""
    if type(estimator) is FunctionTransformer:
        keywords = estimator.kw_args or {}
        return lambda x: estimator.func(x, **keywords)
    method = method or next(method for method in METHODS if hasattr(estimator, method))
    own = getattr(type(estimator), method)
    own = getattr(own, "__wrapped__", own) if method == "transform" else own

    def call(x: Any) -> Any:
        with answering(e, estimator):
            return own(estimator, x)

    return call


def functions_of(estimator: Any) -> tuple[Any, ...]:
    """The functions and classes that a step runs."""
    if type(estimator) is FunctionTransformer:
        return (estimator.func, *(estimator.kw_args or {}).values())
    return (type(estimator), *(value for value in vars(estimator).values() if callable(value)))


def capture(model: Any, ask: Callable[[], Any]) -> dict[int, Any]:
    """By id of a person's own step, the table that it gets while the model is asked, which may fail."""
    seen: dict[int, Any] = {}

    def watching(step: Any, own: Callable[..., Any]) -> Callable[..., Any]:
        def call(x: Any, *args: Any, **keywords: Any) -> Any:
            seen[id(step)] = x.copy() if hasattr(x, "copy") else x
            return own(x, *args, **keywords)

        return call

    with ExitStack() as stack:
        for step in own_steps(model):
            for name in ("func",) if type(step) is FunctionTransformer else METHODS:
                if hasattr(step, name):
                    stack.enter_context(replaced(step, name, watching(step, getattr(step, name))))
        with suppress(Exception):  # whatever it raises, the steps before it have seen their tables
            ask()
    return seen


class Traced:
    """Exports a person's own steps by recording them over ``samples``: by id of a step, the table that it gets.

    ``shared`` are the ids of those whose table others see, too.
    """

    def __init__(self, samples: Mapping[int, Any], shared: Collection[int] = ()) -> None:
        self._samples, self._shared = samples, frozenset(shared)

    def has(self, estimator: Any) -> bool:
        """Whether this step is recorded."""
        return is_own(estimator)

    def transform(self, e: Exporter, estimator: Any, x: Columns) -> Columns:
        """What a step makes of its columns. Raises Refused."""
        return self._record(e, estimator, x, "transform")

    def predict(self, e: Exporter, estimator: Any, x: Columns) -> Prediction:
        """What an estimator of a person's own answers. Raises Refused."""
        answer = self._record(e, estimator, x, "predict")
        tensor = answer.take([0]).parts[0][0].reshape(-1) if answer.width == 1 else answer.numbers()
        value = None if tensor.dtype.kind == "O" else tensor.cast(np.float64)  # where its kind is that of a regressor
        made = Prediction(value=value, label=_label(tensor))
        for method, name in SCORES.items():  # the first that there is
            if hasattr(estimator, method):
                scores: dict[str, Any] = {name: self._scores(e, estimator, x, method)}
                return replace(made, **scores)
        return made

    def _scores(self, e: Exporter, estimator: Any, x: Columns, method: str) -> Tensor:
        answer = self._record(e, estimator, x, method)
        single = answer.width == 1 and method == "decision_function"
        return answer.numbers().reshape(-1) if single else answer.numbers()

    def check(self, model: Any) -> None:
        """Records each step by itself. Raises Refused for the first that cannot be."""
        for step in own_steps(model):
            if id(step) in self._samples:
                graph = Graph()
                self._record(Exporter(graph), step, columns_of(self._samples[id(step)], graph), "")

    def _record(self, e: Exporter, estimator: Any, x: Columns, method: str) -> Columns:
        sample = self._samples.get(id(estimator))
        if sample is None or hasattr(sample, "toarray"):
            raise Untraceable(
                "it gets a sparse matrix, which is not recorded" if sample is not None else "it gets no rows to record",
                "sparse_output=False in the step before" if sample is not None else RECORDED,
            )
        own, functions = call_of(estimator, e, method), functions_of(estimator)
        kept: list[dict[tuple[int, str], Any]] = []

        def call(table: Any) -> Any:
            answer = own(table)
            kept.append(what_changes(estimator, functions))
            return answer

        made = record_twice(e.graph, call, sample, x, *functions, shared=id(estimator) in self._shared)
        if changed := [name for name in kept[-1] if kept[0].get(name) != kept[-1][name]]:
            raise Untraceable(f"it counts or collects something from call to call: {changed[0][1]}", STILL)
        return made


def what_changes(estimator: Any, functions: Collection[Any]) -> dict[tuple[int, str], Any]:
    """What a person's code may count: the plain values that it keeps, and how much is in its lists and dicts.

    By who keeps it, as two modules may have a global of one name, and what it is called.
    """
    named = {(id(estimator), f"self.{name}"): value for name, value in vars(estimator).items()}
    for names in globals_of(functions):
        kept = {name: value for name, value in names.items() if not name.startswith("__")}
        named |= {(id(names), f"the global {name}"): value for name, value in kept.items()}
    plain = {name: repr(value) for name, value in named.items() if type(value) in (bool, int, float, str)}  # NaN is NaN
    return plain | {name: len(value) for name, value in named.items() if type(value) in (list, dict, set)}


def _label(tensor: Tensor) -> Tensor:
    return tensor.cast(np.int64) if tensor.dtype.kind in "iu" else tensor
