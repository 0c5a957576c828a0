"""Owns what stands in place of numpy's, pandas' and scikit-learn's functions while a person's code is recorded.

Functions that numpy does not hand to its arguments are replaced where that code looks for them: in the libraries' own
namespaces, and in the globals of its functions. Everything is put back afterwards.
"""

from __future__ import annotations

import datetime
import functools
import math
import random
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import FunctionType, ModuleType
from typing import Any

import numpy as np
import pandas as pd
import sklearn.utils
import sklearn.utils.validation

from convert.tracing.recorder import texts
from convert.tracing.recorder.recorder import quietly
from convert.tracing.recorder.refusals import VECTORISED, asked_by_a_person, is_a_persons, refuse
from convert.tracing.standins import pandas_functions
from convert.tracing.standins.cells import is_cell
from convert.tracing.standins.functions import bare, beside, holds_stand_in, recorder_of, to_array
from convert.tracing.standins.standin import RowCount, StandIn, is_labels

NAMESPACES: tuple[ModuleType, ...] = (
    np, pd, math, random, np.random, time, datetime, sklearn.utils, sklearn.utils.validation,
)  # fmt: skip
CLOCKS = (time.time, time.time_ns, time.localtime, time.gmtime, time.ctime, time.asctime, time.strftime)
PRESENT = "it asks for the time, which would stand still in a graph"
TIMELESS = "hand it over as a column, or keep the moment of training in fit"
NOW = frozenset(("now", "today", "utcnow"))
MATHEMATICS = {
    getattr(math, name): getattr(np, ufunc)
    for name, ufunc in {
        "ceil": "ceil", "cos": "cos", "exp": "exp", "expm1": "expm1", "fabs": "fabs", "floor": "floor",
        "isnan": "isnan", "log": "log",
        "log10": "log10", "log1p": "log1p", "log2": "log2", "pow": "float_power", "sin": "sin",
        "sqrt": "sqrt", "tan": "tan", "tanh": "tanh", "trunc": "trunc",
    }.items()
}  # fmt: skip


def _array(own: Any, x: Any, dtype: Any = None, *args: Any, **keywords: Any) -> Any:
    """asarray and its kin: the array of a stand-in; of a list of columns the rows that they are before ``.T``."""
    if isinstance(x, StandIn):
        whole = to_array(x).copy()
        return whole if dtype is None else whole.astype(dtype)
    if type(x) in (list, tuple) and all(isinstance(item, StandIn) for item in x):
        return Rows(list(x))
    raise refuse("an array of single values is not recorded", VECTORISED)


class Rows:
    """Columns in a list, as np.array([a, b]) has them; turned about they are columns side by side."""

    def __init__(self, items: list[Any]) -> None:
        self._items = items

    @property
    def T(self) -> Any:  # noqa: N802  numpy's name
        """[rows, columns]."""
        return np.column_stack([to_array(item) for item in self._items])

    def transpose(self) -> Any:
        """[rows, columns]."""
        return self.T

    def __getattr__(self, name: str) -> Any:
        raise refuse(f"{name} of columns in a list is not recorded", "np.column_stack([a, b])")


class _Beside:
    """``np.c_``."""

    def __getitem__(self, key: Any) -> Any:
        if not holds_stand_in(key):
            return OWN_BESIDE[key]
        items = list(key) if isinstance(key, tuple) else [key]
        with quietly():
            concrete = OWN_BESIDE[tuple(map(bare, items))]
        return beside(items, concrete, recorder_of(*items))


OWN_BESIDE, OWN_VECTORIZE, OWN_MOMENTS = np.c_, np.vectorize, pd.to_datetime


def _check_array(own: Any, array: Any, *args: Any, dtype: Any = "numeric", **keywords: Any) -> Any:
    """scikit-learn's check: an array of numbers; what it would refuse in a row, the original refuses."""
    whole = to_array(array)
    if isinstance(dtype, str) and dtype == "numeric":
        return whole.astype(np.float64) if whole.dtype == object else whole
    return whole if dtype is None else whole.astype(dtype[0] if isinstance(dtype, list | tuple) else dtype)


def _validate_data(own: Any, estimator: Any, X: Any = "no_validation", *args: Any, **keywords: Any) -> Any:
    if keywords.pop("skip_check_array", False):
        return X
    keywords.pop("reset", None)
    return _check_array(own, X, dtype=keywords.get("dtype", "numeric"))


def _vectorized(function: Any, *args: Any, **keywords: Any) -> Any:
    """np.vectorize: a function of one value."""
    plain = OWN_VECTORIZE(function, *args, **keywords)
    kinds = args[0] if args else keywords.get("otypes")

    def call(x: Any, *more: Any, **rest: Any) -> Any:
        if not isinstance(x, StandIn):
            return plain(x, *more, **rest)
        made = pandas_functions.series_of(to_array(x)).apply(function, args=more, **rest)
        return made.to_numpy() if kinds is None else made.to_numpy().astype(kinds[0])

    return call


def _length(own: Any, x: Any) -> Any:
    if is_cell(x):
        x.recorder.need_text(x.tensor, "len")
        return x.of(lambda: texts.length(x.tensor).cast(np.int64))
    return RowCount(own(x)) if isinstance(x, StandIn) or is_labels(x) else own(x)


def _of_cells(ufunc: np.ufunc) -> Callable[..., Any]:
    return lambda own, *values: values[0].ufunc(ufunc, *values) if is_cell(values[0]) else ufunc(*values)


def _takes_stand_in(values: Any) -> bool:
    return any(is_cell(value) or holds_stand_in(value) for value in values)


def _dispatching(own: Any, ours: Callable[..., Any]) -> Callable[..., Any]:
    """``ours`` where a stand-in is among what a function gets, else the function itself."""

    @functools.wraps(own, updated=())
    def call(*args: Any, **keywords: Any) -> Any:
        return ours(*args, **keywords) if _takes_stand_in([*args, *keywords.values()]) else own(*args, **keywords)

    return call


def _refusing(own: Any) -> Callable[..., Any]:
    def call(*_: Any, **__: Any) -> Any:
        raise refuse(
            f"it draws random numbers ({getattr(own, '__name__', own)}), so that no two answers are the same",
            "draw them in fit and keep them",
        )

    return call


def _asks_the_time(own: Any) -> Callable[..., Any]:
    """Of a person's code alone: others work meanwhile."""

    @functools.wraps(own, updated=())
    def call(*args: Any, **keywords: Any) -> Any:
        if asked_by_a_person(1):
            raise refuse(PRESENT, TIMELESS)
        return own(*args, **keywords)

    return call


def _calendar(own: Any) -> Any:
    """Stands for a class of moments: of those that were named, not of the present one."""

    def made(*args: Any, **_: Any) -> Any:
        raise refuse(f"{own.__name__} of rows is not recorded", "make numbers of it before the model")

    present = {name: staticmethod(_asks_the_time(getattr(own, name))) for name in NOW if hasattr(own, name)}
    return _Shim(own.__name__, (), {"own": own, "ours": staticmethod(made), **present})


def _moment_of(value: Any = None, *args: Any, **keywords: Any) -> Any:
    """pandas.to_datetime: "now" is a moment that passes, and rows hold none."""
    if isinstance(value, str) and value in NOW:
        raise refuse(PRESENT, TIMELESS)
    moments = pandas_functions.to_datetime if _takes_stand_in([value, *args]) else OWN_MOMENTS
    return moments(value, *args, **keywords)


class _Shim(type):
    """Stands for a class of pandas: isinstance as of the class itself, calls with stand-ins as recorded."""

    own: Any
    ours: Any

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, cls.own)

    def __subclasscheck__(cls, kind: Any) -> bool:
        return issubclass(kind, cls.own)

    def __call__(cls, *args: Any, **keywords: Any) -> Any:
        if args and isinstance(args[0], str) and args[0] in NOW and cls.own is pd.Timestamp:
            raise refuse(PRESENT, TIMELESS)
        return (cls.ours if _takes_stand_in([*args, *keywords.values()]) else cls.own)(*args, **keywords)

    def __getattr__(cls, name: str) -> Any:
        return getattr(cls.own, name)


def _replacements() -> dict[int, tuple[Any, Any]]:
    """By id: what is replaced, and by what."""
    made: dict[Any, Any] = {
        own: _dispatching(own, functools.partial(_array, own))
        for own in (np.asarray, np.array, np.asanyarray, np.ascontiguousarray)
    }
    made |= {own: _dispatching(own, ours) for own, ours in pandas_functions.FUNCTIONS.items()}
    made |= {own: _dispatching(own, functools.partial(_of_cells(ufunc), own)) for own, ufunc in MATHEMATICS.items()}
    checks = {"check_array": _check_array, "validate_data": _validate_data}
    made |= {
        getattr(sklearn.utils.validation, name): _dispatching(
            getattr(sklearn.utils.validation, name), functools.partial(ours, None)
        )
        for name, ours in checks.items()
    }
    pairs = [*made.items(), (OWN_BESIDE, _Beside()), (OWN_VECTORIZE, _vectorized), (OWN_MOMENTS, _moment_of)]
    pairs += [
        (own, _Shim(own.__name__, (), {"own": own, "ours": staticmethod(ours)}))
        for own, ours in pandas_functions.CLASSES.items()
    ]
    pairs += [(own, _asks_the_time(own)) for own in CLOCKS]
    pairs += [(own, _calendar(own)) for own in (datetime.datetime, datetime.date, pd.Timestamp)]
    for module in (np.random, random):
        drawing = [thing for name, thing in vars(module).items() if not name.startswith("_") and callable(thing)]
        pairs += [(thing, _refusing(thing)) for thing in drawing if not isinstance(thing, type)]
    return {id(own): (own, ours) for own, ours in pairs}


@contextmanager
def in_place(*functions: Any) -> Iterator[None]:
    """Within the block these functions, and those that they call by name, find what records."""
    replaced = _replacements()
    length = functools.partial(_length, len)
    changed: list[tuple[dict[str, Any], dict[str, Any], list[str]]] = []
    try:
        for names in [*map(vars, NAMESPACES), *_globals_of(functions)]:
            before = {name: value for name, value in names.items() if id(value) in replaced}
            new = [] if any(names is vars(module) for module in NAMESPACES) or "len" in names else ["len"]
            changed.append((names, before, new))
            names.update({name: replaced[id(value)][1] for name, value in before.items()})
            names.update(dict.fromkeys(new, length))
        yield
    finally:
        for names, before, new in changed:
            names.update(before)
            for name in new:
                names.pop(name, None)


def _globals_of(functions: Any) -> list[dict[str, Any]]:
    """The globals of a person's functions, and of those that stand among them or in their closures."""
    found: dict[int, dict[str, Any]] = {}
    seen: set[int] = set()
    waiting = list(functions)
    waiting += [
        vars(module) for module in list(sys.modules.values()) if is_a_persons(getattr(module, "__file__", None) or "<")
    ]
    while waiting:
        thing = waiting.pop()
        if id(thing) in seen:
            continue
        seen.add(id(thing))
        if isinstance(thing, functools.partial):
            waiting.append(thing.func)
        elif isinstance(thing, type):
            waiting += [value for kind in thing.__mro__ if is_a_persons_class(kind) for value in vars(kind).values()]
        elif isinstance(thing, staticmethod | classmethod):
            waiting.append(thing.__func__)
        elif isinstance(thing, property):
            waiting.append(thing.fget)
        elif isinstance(thing, Mapping):
            found[id(thing)] = thing  # type: ignore[assignment]
            waiting += [
                value
                for value in list(thing.values())
                if isinstance(value, FunctionType | type | functools.partial)
                and (not isinstance(value, type) or is_a_persons_class(value))
            ]
        elif hasattr(thing, "__func__"):
            waiting.append(thing.__func__)
        elif isinstance(thing, FunctionType) and is_a_persons(thing.__code__.co_filename):
            waiting.append(thing.__globals__)
            waiting += [cell.cell_contents for cell in thing.__closure__ or () if _filled(cell)]
            waiting += [getattr(thing, "__wrapped__", None)]
        elif isinstance(thing, FunctionType) and hasattr(thing, "__wrapped__"):
            waiting.append(thing.__wrapped__)
    return list(found.values())


def _filled(cell: Any) -> bool:
    try:
        value = cell.cell_contents
    except ValueError:
        return False
    return isinstance(value, FunctionType | type | functools.partial)


def is_a_persons_class(kind: type) -> bool:
    """Whether a class is of a person's own code, not a library's."""
    module = sys.modules.get(kind.__module__)
    file = getattr(module, "__file__", None)
    return kind.__module__ == "__main__" or module is None or (file is not None and is_a_persons(file))
