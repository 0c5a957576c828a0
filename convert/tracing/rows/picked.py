"""Owns what stands for some of the rows, as ``x[x > 0]``, until they are put where they came from. Knows no nodes.

What is computed of them is computed of all rows; only where the same condition holds does anybody see it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np

from convert.tracing.recorder.operators import COMPARISONS, OPERATORS
from convert.tracing.recorder.refusals import prepared, remember

EVERY_ROW = "a transformer answers every row: np.where(condition, a, b), or put back where they were: x[c] = f(x[c])"
IN_EACH = frozenset(
    ("abs", "add", "apply", "astype", "between", "clip", "copy", "div", "divide", "fillna", "isin", "isna", "isnull",
     "map", "mask", "mul", "multiply", "notna", "notnull", "pow", "replace", "round", "sub", "subtract", "to_numpy",
     "truediv", "values", "where")
)  # fmt: skip


class Picked:
    """Stands for the rows of ``whole`` where ``condition`` holds."""

    def __init__(self, whole: Any, condition: Any) -> None:
        self.whole, self.condition = whole, condition
        self.refusal = prepared("it takes some of the rows", EVERY_ROW)

    def put_back(self, condition: Any) -> Any:
        """All rows, for where they are set by the same condition. Raises a refusal for another one."""
        same = [[tensor.name for tensor, _ in flags.columns_.parts] for flags in (self.condition, condition)]
        return self.whole if same[0] == same[1] else self._refuse()

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        remember(self.refusal)
        raise self.refusal

    def _with(self, act: Callable[[Any, Any], Any], other: Any, swapped: bool) -> Any:
        if type(other) is Picked:
            other = other.put_back(self.condition)
        elif np.ndim(other) or hasattr(other, "recorder"):
            self._refuse()
        return Picked(act(other, self.whole) if swapped else act(self.whole, other), self.condition)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **keywords: Any) -> Any:
        if method != "__call__" or keywords or len(inputs) > 2:
            self._refuse()
        if len(inputs) == 1:
            return Picked(ufunc(self.whole), self.condition)
        swapped = inputs[0] is not self
        return self._with(ufunc, inputs[0 if swapped else 1], swapped)

    def __neg__(self) -> Any:
        return Picked(-self.whole, self.condition)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if name not in IN_EACH:
            self._refuse()
        held = getattr(self.whole, name)
        if not callable(held):
            return Picked(held, self.condition)
        return lambda *args, **keywords: Picked(held(*args, **keywords), self.condition)

    __array__ = __array_function__ = __bool__ = __iter__ = __len__ = __getitem__ = __setitem__ = _refuse
    __contains__ = __float__ = __int__ = __index__ = _refuse
    __hash__ = None  # type: ignore[assignment]


def _left(act: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    return lambda self, other: self._with(act, other, False)


def _right(act: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    return lambda self, other: self._with(act, other, True)


for _name, (_act, _) in OPERATORS.items():
    setattr(Picked, f"__{_name}__", _left(_act))
    setattr(Picked, f"__r{_name}__", _right(_act))
for _name, (_act, _) in COMPARISONS.items():
    setattr(Picked, f"__{_name}__", _left(_act))
