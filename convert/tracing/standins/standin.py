"""Owns what the stand-ins of arrays, series and frames share: operators, ufuncs, what they refuse.

Knows neither numpy's nor pandas' methods.
"""

from __future__ import annotations

import builtins
import datetime
import operator
import re
from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np
import pandas as pd

from convert.graph.columns import Columns
from convert.graph.graph import Tensor
from convert.tracing.recorder import elements, nodes
from convert.tracing.recorder.operators import COMPARISONS, OPERATORS
from convert.tracing.recorder.recorder import Recorder, quietly
from convert.tracing.recorder.refusals import (
    BY_VALUE,
    DECIDES,
    RECORDED,
    VECTORISED,
    asked_by_a_person,
    refuse,
)
from convert.tracing.standins.row_count import RowCount
from convert.tracing.standins.unrecorded import unrecorded

HALF = 0.5
DATE = re.compile(r"\d{4}-\d{2}(-\d{2}([T ].*)?)?")  # a text that texts are hardly ordered by


class StandIn:
    """Sample rows ``concrete`` and ``columns`` of a graph that stand for one array, series or frame."""

    __slots__ = ("__weakref__", "columns_", "concrete", "recorder")
    __array_priority__ = 10_000

    def __init__(self, recorder: Recorder, concrete: Any, made: Columns) -> None:
        self.recorder, self.concrete, self.columns_ = recorder, concrete, made

    @property
    def tensor(self) -> Tensor:
        """The one tensor of a single column."""
        return self.columns_.take([0]).parts[0][0]

    def like(self, concrete: Any, made: Columns) -> Any:
        """Another stand-in of the same recording."""
        return self.recorder.wrap(concrete, made)

    def binary(self, act: Callable[[Any, Any], Any], ufunc: np.ufunc, left: Any, right: Any) -> Any:
        """``act(left, right)``, where either is this one."""
        for one, other in ((left, right), (right, left)):
            if type(other) is RowCount:
                other._decides()
            if isinstance(one, StandIn) and not isinstance(other, StandIn):
                take_for_dates(one, other, ufunc)
                take_for_text(one, other, ufunc)
        if act is operator.add or ufunc in (np.equal, np.not_equal):
            take_both_for_text(left, right)
        if ufunc in (np.equal, np.not_equal):
            doubt_both(left, right)
        with quietly():
            concrete = act(shown(left), shown(right))
        if concrete is NotImplemented:
            return concrete
        if any(None is side for side in (left, right)) and ufunc in (np.equal, np.not_equal):
            unequal = ufunc is np.not_equal  # nothing is equal to None
            return self.like(concrete, self.recorder.each(lambda x: elements.constant_like(x, unequal), self.columns_))
        operands = [operand(self.recorder, value, concrete) for value in (left, right)]
        root = act is operator.pow and isinstance(right, float) and right == HALF  # numpy's ** takes the root then

        def make(a: Any, b: Any) -> Tensor:
            return ufunc_node(self.recorder, np.sqrt, a) if root else ufunc_node(self.recorder, ufunc, a, b)

        return self.like(concrete, self.recorder.together(make, operands))

    def unary(self, ufunc: np.ufunc, concrete: Any) -> Any:
        """A ufunc of this one alone."""
        make = lambda x: nodes.apply_ufunc(self.recorder.graph, ufunc, [x])  # noqa: E731
        return self.like(concrete, self.recorder.each(make, self.columns_))

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **keywords: Any) -> Any:
        """What numpy's own functions ask of it."""
        if method == "reduce" and ufunc.__name__ in REDUCING:
            return getattr(inputs[0], REDUCING[ufunc.__name__])(**{"axis": 0, **keywords})
        if method == "__call__" and keywords and keywords.keys() <= {"out", "where"}:
            return into(keywords.get("out", (None,))[0], ufunc(*inputs), keywords.get("where", True))
        if method != "__call__" or keywords:
            raise refuse(
                f"numpy.{ufunc.__name__}.{method} with {', '.join(keywords) or 'its rows'} is not recorded",
                "np.where(condition, a, b) in place of where= and out=",
            )
        if len(inputs) == 2:
            return self.binary(ufunc, ufunc, *inputs)
        if len(inputs) != 1:
            raise refuse(f"numpy.{ufunc.__name__} is not recorded", RECORDED)
        with quietly():
            concrete = ufunc(shown(self))
        return self.unary(ufunc, concrete)

    def become(self, made: Any) -> Any:
        """Another value in the same object: whoever holds it sees that."""
        self.concrete, self.columns_ = made.concrete, made.columns_
        return self

    def __neg__(self) -> Any:
        return self.unary(np.negative, -self.concrete)

    def __pos__(self) -> Any:
        return self

    def __invert__(self) -> Any:
        return self.unary(np.invert, ~self.concrete)

    def __abs__(self) -> Any:
        return self.unary(np.absolute, abs(self.concrete))

    def __len__(self) -> int:
        return len(self.concrete)

    def _decides(self, *_: Any) -> NoReturn:
        raise refuse(DECIDES, BY_VALUE)

    __bool__ = _decides

    def _one_value(self, *_: Any) -> NoReturn:
        raise refuse("it makes one number of a column of rows", VECTORISED)

    __float__ = __int__ = __index__ = __complex__ = _one_value
    __hash__ = None  # type: ignore[assignment]

    def __contains__(self, value: Any) -> bool:
        raise refuse(DECIDES, BY_VALUE)

    def __repr__(self) -> str:
        return self._as_text(asked_by_a_person(1))

    __str__ = __repr__

    def __format__(self, _: str) -> str:
        return self._as_text(asked_by_a_person(1))

    def _as_text(self, asked: bool) -> str:
        if asked:
            raise refuse("it makes a text of its rows", "leave printing and logging of rows out of it")
        return object.__repr__(self)

    def __array__(self, *_: Any, **__: Any) -> NoReturn:
        raise refuse("a function takes the values of rows, which recording does not show it", RECORDED)

    def __reduce_ex__(self, _: Any) -> NoReturn:
        raise refuse("it pickles or copies deeply what it gets", "use .copy()")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or not hasattr(type(self.concrete), name):
            raise AttributeError(f"{type(self.concrete).__name__!r} object has no attribute {name!r}")
        raise unrecorded(type(self.concrete).__name__, name)


REDUCING = {
    "add": "sum", "maximum": "max", "minimum": "min", "logical_and": "all", "logical_or": "any", "multiply": "prod"
}  # fmt: skip


def _left(act: Callable[[Any, Any], Any], ufunc: np.ufunc) -> Callable[[Any, Any], Any]:
    return lambda self, other: self.binary(act, ufunc, self, other)


def _right(act: Callable[[Any, Any], Any], ufunc: np.ufunc) -> Callable[[Any, Any], Any]:
    return lambda self, other: self.binary(act, ufunc, other, self)


def _in_place(act: Callable[[Any, Any], Any], ufunc: np.ufunc) -> Callable[[Any, Any], Any]:
    return lambda self, other: self.become(self.binary(act, ufunc, self, other))


for _name, _pair in OPERATORS.items():
    setattr(StandIn, f"__{_name}__", _left(*_pair))
    setattr(StandIn, f"__i{_name}__", _in_place(*_pair))
    setattr(StandIn, f"__r{_name}__", _right(*_pair))
for _name, _pair in COMPARISONS.items():
    setattr(StandIn, f"__{_name}__", _left(*_pair))


def ufunc_node(recorder: Recorder, ufunc: np.ufunc, *operands: Any) -> Tensor:
    """The node of a ufunc; what it compares an input column with is noted."""
    tensors = [value for value in operands if isinstance(value, Tensor)]
    if ufunc.__name__ in COMPARING and len(tensors) == 1:
        constants = [item for value in operands if not isinstance(value, Tensor) for item in np.ravel(value).tolist()]
        recorder.note(tensors[0], values=constants, points=constants)
    return nodes.apply_ufunc(recorder.graph, ufunc, operands)


COMPARING = frozenset(("equal", "not_equal", "less", "less_equal", "greater", "greater_equal", "maximum", "minimum"))


def take_for_text(one: StandIn, other: Any, ufunc: np.ufunc) -> None:
    """A column that is compared with a text, or gets one appended, holds text."""
    if isinstance(other, str) and one.columns_.width == 1:
        one.recorder.need_text(one.tensor, f"numpy.{ufunc.__name__} with {other!r}")


def take_for_dates(one: StandIn, other: Any, ufunc: np.ufunc) -> None:
    """A column that a moment is taken from, or that is before or behind one, holds dates."""
    ordering = ufunc.__name__ in ("less", "less_equal", "greater", "greater_equal")
    moment = isinstance(other, datetime.date | np.datetime64)
    dated = ordering and isinstance(other, str) and bool(DATE.fullmatch(other))
    if one.columns_.width == 1 and (moment or dated) and one.concrete.dtype.kind not in "mM":
        one.recorder.need_dates(one.tensor, f"numpy.{ufunc.__name__} with {other!r}")


def take_both_for_text(left: Any, right: Any) -> None:
    """A column of the input that is put beside a column of texts holds text, too."""
    for one, other in ((left, right), (right, left)):
        single = (
            isinstance(one, StandIn) and isinstance(other, StandIn) and one.columns_.width == other.columns_.width == 1
        )
        if single and elements.is_text(one.tensor) and one.recorder.origin(other.tensor) is not None:
            other.recorder.need_text(other.tensor, "texts beside it")


def doubt_both(left: Any, right: Any) -> None:
    """Two columns of the input that are only compared may hold texts as well as numbers."""
    sides = [side for side in (left, right) if isinstance(side, StandIn) and side.columns_.width == 1]
    if len(sides) > 1 and all(side.recorder.origin(side.tensor) is not None for side in sides):
        for side in sides:
            side.recorder.doubt(side.tensor)


def into(out: Any, made: Any, where: Any) -> Any:
    """What a function of numpy's makes, put into ``out`` where a condition holds."""
    if not isinstance(out, StandIn):
        raise refuse(
            "a function of numpy's writes into no array of the rows", "np.where(condition, a, b) in place of where="
        )
    return out.become(made if where is True else np.where(where, made, out))


def shown(value: Any) -> Any:
    """The sample rows of a stand-in; anything else is itself."""
    return value.concrete if isinstance(value, StandIn) else value


def operand(recorder: Recorder, value: Any, result: Any) -> Any:
    """What stands on one side of an operation: columns, or a constant for every row alike.

    ``result`` are the sample rows that come out; a constant series is put beside the columns of those names.
    """
    if isinstance(value, StandIn):
        return value.columns_
    if isinstance(value, pd.Series) and isinstance(result, pd.DataFrame):
        return value.reindex(result.columns).to_numpy()
    return alike(recorder, value)


def alike(recorder: Recorder, value: Any) -> Any:
    """A constant for every row alike; one that has a value for each row is that of any row, if they are equal."""
    if isinstance(value, pd.Series | pd.DataFrame | pd.Index | list | tuple):
        value = np.asarray(value)
    if not np.ndim(value):
        return value.item() if type(value) is np.ndarray else value
    if len(value) == recorder.rows:
        first = np.asarray(value)[:1]
        if not builtins.all(np.array_equal(first[0], row, equal_nan=first.dtype.kind == "f") for row in value):
            raise refuse(
                "it brings a value of its own for each row: random numbers, a numbering, or other rows",
                "make every row's values of that row alone",
            )
        return first[0] if first.ndim > 1 else first[0].item()
    return np.asarray(value)[0] if np.ndim(value) == 2 and len(value) == 1 else np.asarray(value)
