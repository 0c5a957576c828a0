"""Owns what numpy's, pandas', Python's and scikit-learn's functions are while own code is recorded.

Only functions that numpy does not hand to its arguments by itself. Knows nothing of where they are looked for.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import sklearn.utils.validation

from convert.tracing import kernels
from convert.tracing.recorder.recorder import quietly
from convert.tracing.recorder.refusals import VECTORISED, asked_by_a_person, refuse
from convert.tracing.recorder.texts import texts
from convert.tracing.rows.arrays import rows_of
from convert.tracing.standins import pandas_constructors, pandas_functions
from convert.tracing.standins.cells.cell import Pieces
from convert.tracing.standins.cells.found import searched
from convert.tracing.standins.cells.ways import is_cell
from convert.tracing.standins.frames import DATA_FRAME
from convert.tracing.standins.functions.filling import filled_rows
from convert.tracing.standins.functions.given import bare, holds_stand_in, recorder_of, to_array
from convert.tracing.standins.functions.joining import beside
from convert.tracing.standins.row_count import RowCount, is_labels
from convert.tracing.standins.standin import StandIn

Pair = tuple[Any, Any]  # what is replaced, and by what
OWN_BESIDE, OWN_VECTORIZE = np.c_, np.vectorize
MATHEMATICS = {
    getattr(math, name): getattr(np, ufunc)
    for name, ufunc in {
        "ceil": "ceil", "cos": "cos", "exp": "exp", "expm1": "expm1", "fabs": "fabs", "floor": "floor",
        "acos": "arccos", "asin": "arcsin", "atan": "arctan", "atan2": "arctan2", "cosh": "cosh", "degrees": "degrees",
        "fmod": "fmod", "hypot": "hypot", "isfinite": "isfinite", "isinf": "isinf", "isnan": "isnan", "log": "log",
        "log10": "log10", "log1p": "log1p", "log2": "log2", "pow": "float_power", "radians": "radians", "sin": "sin",
        "sinh": "sinh", "sqrt": "sqrt", "tan": "tan", "tanh": "tanh", "trunc": "trunc",
    }.items()
}  # fmt: skip


def takes_stand_in(values: Any) -> bool:
    return any(is_cell(value) or type(value) is RowCount or holds_stand_in(value) for value in values)


def dispatching(own: Any, ours: Callable[..., Any]) -> Callable[..., Any]:
    """``ours`` where a stand-in is among what a function gets, else the function itself."""

    @functools.wraps(own, updated=())
    def call(*args: Any, **keywords: Any) -> Any:
        return ours(*args, **keywords) if takes_stand_in([*args, *keywords.values()]) else own(*args, **keywords)

    return call


class Shim(type):
    """Stands for a class: isinstance as of the class ``own`` itself, calls with stand-ins as ``ours``."""

    own: Any
    ours: Any

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, cls.own)

    def __subclasscheck__(cls, kind: Any) -> bool:
        return issubclass(kind, cls.own)

    def __call__(cls, *args: Any, **keywords: Any) -> Any:
        return (cls.ours if takes_stand_in([*args, *keywords.values()]) else cls.own)(*args, **keywords)

    def __getattr__(cls, name: str) -> Any:
        return getattr(cls.own, name)


class Frames(Shim):
    """Stands for pandas' DataFrame: a person's empty one is filled with columns of rows."""

    def __call__(cls, *args: Any, **keywords: Any) -> Any:
        if not args and keywords.keys() <= {"index"} and asked_by_a_person(1):
            return pandas_constructors.blank()
        return super().__call__(*args, **keywords)


class KindOfCell(Shim):
    """Stands for ``type``: that of one value is that of a float or a text, as it is in each row."""

    def __call__(cls, *args: Any, **keywords: Any) -> Any:
        return args[0].__class__ if len(args) == 1 and is_cell(args[0]) else type(*args, **keywords)


def _array(own: Any, x: Any, dtype: Any = None, *args: Any, **keywords: Any) -> Any:
    """asarray and its kin: the array of a stand-in; of a list of columns the rows that they are before ``.T``."""
    if isinstance(x, StandIn):
        whole = to_array(x).copy()
        return whole if dtype is None else whole.astype(dtype)
    if type(x) in (list, tuple) and all(isinstance(item, StandIn) for item in x):
        return rows_of(list(x))
    raise refuse("an array of single values is not recorded", VECTORISED)


class _Beside:
    """``np.c_``."""

    def __getitem__(self, key: Any) -> Any:
        if not holds_stand_in(key):
            return OWN_BESIDE[key]
        items = list(key) if isinstance(key, tuple) else [key]
        with quietly():
            concrete = OWN_BESIDE[tuple(map(bare, items))]
        return beside(items, concrete, recorder_of(*items))


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
        made = pandas_constructors.series_of(to_array(x)).apply(function, args=more, **rest)
        return made.to_numpy() if kinds is None else made.to_numpy().astype(kinds[0])

    return call


def length_of(own: Any, x: Any) -> Any:
    if is_cell(x):
        x.recorder.need_text(x.tensor, "len")
        return x.of(lambda: texts.length(x.tensor).cast(np.int64))
    if type(x) is Pieces:
        return x.count()
    return RowCount(own(x)) if isinstance(x, StandIn) or is_labels(x) else own(x)


def builtins() -> dict[str, Any]:
    """By name what stands for Python's own functions, which a person's code finds behind its globals."""
    return {"len": functools.partial(length_of, len), "type": KindOfCell("type", (), {"own": type})}


def _search(pattern: Any, text: Any, *flags: Any) -> Any:
    if flags or not is_cell(text):
        raise refuse("re.search of whole columns, or with flags, is not recorded", "Series.str.extract is")
    return searched(pattern, text)


def _sub(pattern: Any, by: Any, text: Any, *flags: Any) -> Any:
    told, given = (pattern.pattern, pattern.flags & ~re.UNICODE) if isinstance(pattern, re.Pattern) else (pattern, 0)
    if flags or given or not is_cell(text) or not isinstance(by, str):
        raise refuse("re.sub of whole columns, with flags or by a function, is not recorded", "Series.str.replace is")
    text.recorder.need_text(text.tensor, "re.sub")
    return text.of(lambda: texts.replaced(text.tensor, told, by, regex=True))


def _match(pattern: Any, text: Any, *flags: Any) -> Any:
    told, given = (pattern.pattern, pattern.flags & ~re.UNICODE) if isinstance(pattern, re.Pattern) else (pattern, 0)
    return _search(f"^{told}", text, *flags, *([given] if given else []))


class Compiled:
    """Stands for a compiled expression of a person's: what it does with one value of every row is recorded."""

    def __init__(self, own: re.Pattern[str]) -> None:
        self._own = own

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        """So that isinstance(x, re.Pattern) holds."""
        return re.Pattern

    def search(self, text: Any, *rest: Any) -> Any:
        """As Pattern.search."""
        return _search(self._own, text, *rest) if is_cell(text) else self._own.search(text, *rest)

    def match(self, text: Any, *rest: Any) -> Any:
        """As Pattern.match."""
        return _match(self._own, text, *rest) if is_cell(text) else self._own.match(text, *rest)

    def sub(self, by: Any, text: Any, *rest: Any) -> Any:
        """As Pattern.sub."""
        return _sub(self._own, by, text, *rest) if is_cell(text) else self._own.sub(by, text, *rest)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._own, name)


def _of_cells(ufunc: np.ufunc) -> Callable[..., Any]:
    return lambda own, *values: values[0].ufunc(ufunc, *values) if is_cell(values[0]) else ufunc(*values)


def replacements() -> Iterator[Pair]:
    """Each function or class that is replaced, and what records in its place."""
    for own in (np.asarray, np.array, np.asanyarray, np.ascontiguousarray):
        yield own, dispatching(own, functools.partial(_array, own))
    for filling in (np.zeros, np.ones, np.empty, np.full):
        yield filling, functools.wraps(filling, updated=())(filled_rows(filling))
    for own, ours in (pandas_functions.FUNCTIONS | kernels.FUNCTIONS).items():
        yield own, dispatching(own, ours)
    for own, ufunc in MATHEMATICS.items():
        yield own, dispatching(own, functools.partial(_of_cells(ufunc), own))
    yield re.search, dispatching(re.search, _search)
    yield re.sub, dispatching(re.sub, _sub)
    yield re.match, dispatching(re.match, _match)
    for name, check in {"check_array": _check_array, "validate_data": _validate_data}.items():
        own = getattr(sklearn.utils.validation, name)
        yield own, dispatching(own, functools.partial(check, None))
    for own, ours in pandas_constructors.CLASSES.items():
        kind = Frames if own is DATA_FRAME else Shim
        yield own, kind(own.__name__, (), {"own": own, "ours": staticmethod(ours)})
    yield OWN_BESIDE, _Beside()
    yield OWN_VECTORIZE, _vectorized
