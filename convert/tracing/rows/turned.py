"""Owns what stands for rows turned into columns, as ``df.T``, ``X.T`` and ``np.array([a, b])``, until they turn back.

What goes down its columns goes along the rows of the table. Knows no nodes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import numpy as np

from convert.graph.columns import Columns
from convert.tracing.recorder import along
from convert.tracing.recorder.operators import COMPARISONS, OPERATORS
from convert.tracing.recorder.recorder import quietly
from convert.tracing.recorder.reducing import reduced
from convert.tracing.recorder.refusals import VECTORISED, only, refuse

TURN_BACK = "turn it back before anything else is done with it: df.T.cumsum().T; most functions take axis=1 themselves"
DOWN = (
    "all", "any", "bfill", "count", "cummax", "cummin", "cumprod", "cumsum", "diff", "ffill", "idxmax", "idxmin", "max",
    "mean", "median", "min", "nunique", "pct_change", "prod", "quantile", "rank", "sem", "shift", "std", "sum", "var",
)  # fmt: skip
IN_EACH = ("abs", "clip", "copy", "fillna", "isna", "isnull", "notna", "notnull", "replace", "round")


class Turned:
    """Stands for a frame or array of rows turned about: ``whole`` is what it was."""

    def __init__(self, whole: Any) -> None:
        self.whole = whole

    @property
    def T(self) -> Any:  # noqa: N802  numpy's name
        """[rows, columns] again."""
        return self.whole

    def transpose(self) -> Any:
        """[rows, columns] again."""
        return self.whole

    @property
    def shape(self) -> Any:
        """How many columns there are, then rows."""
        return self.whole.shape[::-1]

    def __len__(self) -> int:
        return int(self.whole.columns_.width)

    def __iter__(self) -> Iterator[Any]:
        if hasattr(self.whole.concrete, "columns"):
            raise refuse("it goes through the rows one by one", VECTORISED)
        return (self[at] for at in range(len(self)))

    def __getitem__(self, key: Any) -> Any:
        if not isinstance(key, int | np.integer) or hasattr(self.whole.concrete, "columns"):
            raise refuse("it takes some of rows that are turned into columns", TURN_BACK)
        return self.whole[:, key]

    def rolling(self, window: Any, min_periods: Any = None, **others: Any) -> Rolling:
        """Windows of so many columns."""
        only(others)
        if not isinstance(window, int):
            raise refuse("a rolling window of another kind than a number of columns is not recorded", TURN_BACK)
        return Rolling(self.whole, window, window if min_periods is None else min_periods)

    def combined(self, act: Callable[[Any, Any], Any], name: str, other: Any, swapped: bool = False) -> Any:
        """An operation with one number, or with a number for each row."""
        if isinstance(other, Turned):
            other = other.whole
        elif hasattr(other, "recorder") and other.ndim == 1:
            if hasattr(self.whole.concrete, "columns"):
                return Turned(getattr(self.whole, f"r{name}" if swapped else name)(other, axis=0))
            other = other.reshape(-1, 1)
        elif np.ndim(other):
            raise refuse("it computes with rows that are turned into columns and others", TURN_BACK)
        return Turned(act(other, self.whole) if swapped else act(self.whole, other))

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **keywords: Any) -> Any:
        if method != "__call__" or keywords:
            raise refuse(f"numpy.{ufunc.__name__}.{method} of rows turned into columns is not recorded", TURN_BACK)
        if len(inputs) == 1:
            return Turned(ufunc(self.whole))
        swapped = inputs[0] is not self
        other = inputs[0 if swapped else 1]
        return self.combined(ufunc, ufunc.__name__, other, swapped)

    def __array__(self, *_: Any, **__: Any) -> NoReturn:
        raise refuse("a function takes rows that are turned into columns", TURN_BACK)

    def __bool__(self) -> bool:
        raise refuse("it decides by rows that are turned into columns", TURN_BACK)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if name in DOWN:
            return lambda *args, **keywords: _again(getattr(self.whole, name)(*args, axis=1, **keywords))
        if name in IN_EACH:
            return lambda *args, **keywords: Turned(getattr(self.whole, name)(*args, **keywords))
        raise refuse(f"{name} of rows that are turned into columns is not recorded", TURN_BACK)


def _again(made: Any) -> Any:
    """A table is turned as before; one value for each row is a column of rows."""
    return Turned(made) if made.ndim == 2 else made


class Rolling:
    """``df.T.rolling(3)``: of each column and those before it."""

    def __init__(self, whole: Any, size: int, least: int) -> None:
        self._whole, self._size, self._least = whole, size, least

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name not in ("max", "mean", "median", "min", "std", "sum", "var"):
            raise refuse(f"{name} of rolling columns is not recorded", "mean, sum, min, max, median, std and var are")

        def made(ddof: int = 1, **others: Any) -> Turned:
            only(others)
            whole = self._whole
            with quietly():
                given = {"ddof": ddof} if name in ("std", "var") else {}
                rolled = whole.concrete.T.rolling(self._size, min_periods=self._least)
                concrete = getattr(rolled, name)(**given).T
            table = whole.recorder.one(whole.columns_)

            def reduce(part: Any, width: int) -> Any:
                if name == "median":
                    return along.quantile(part, width, 0.5, skip=True, middle=True)
                return reduced(name, part, width, True, ddof)

            columns = along.windows(reduce, table, whole.columns_.width, self._size, self._least)
            return Turned(whole.like(concrete, Columns(whole.recorder.graph, tuple((column, 1) for column in columns))))

        return made


def _left(act: Callable[[Any, Any], Any], name: str) -> Callable[[Any, Any], Any]:
    return lambda self, other: self.combined(act, name, other)


def _right(act: Callable[[Any, Any], Any], name: str) -> Callable[[Any, Any], Any]:
    return lambda self, other: self.combined(act, name, other, swapped=True)


for _name, (_act, _) in OPERATORS.items():
    setattr(Turned, f"__{_name}__", _left(_act, _name))
    setattr(Turned, f"__r{_name}__", _right(_act, _name))
for _name, (_act, _) in COMPARISONS.items():
    setattr(Turned, f"__{_name}__", _left(_act, _name))
