"""Owns what stands for the number of rows and for their names: nothing to decide by or to compute with."""

from __future__ import annotations

import weakref
from typing import Any, NoReturn

import pandas as pd

from convert.tracing.recorder.operators import OPERATORS
from convert.tracing.recorder.refusals import asked_by_a_person, refuse

COUNTING = (
    *(f"__{side}{name}__" for name in OPERATORS for side in ("", "r")),
    "__divmod__", "__rdivmod__",
)  # fmt: skip


class RowCount(int):
    """How many rows there are: a size for arrays, nothing to decide by or to compute with."""

    def _decides(self, *_: Any, **__: Any) -> NoReturn:
        raise refuse(
            "it decides by the number of rows that it gets, or computes with it", "do the same for any number of rows"
        )

    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = _decides
    __int__ = __float__ = __complex__ = __round__ = __trunc__ = __floor__ = __ceil__ = _decides
    __neg__ = __pos__ = __abs__ = __invert__ = __array_ufunc__ = _decides
    __lshift__ = __rlshift__ = __rshift__ = __rrshift__ = _decides
    bit_length = bit_count = to_bytes = as_integer_ratio = conjugate = _decides
    real = numerator = property(_decides)

    def _counts(self, other: Any) -> Any:
        """Lists are repeated by it; StandIns refuse by themselves what they are not asked for."""
        if isinstance(other, list | tuple | str):
            return NotImplemented
        return self._decides()

    def __hash__(self) -> int:
        if asked_by_a_person(1):  # in a set or a dict it is looked up by it
            return self._decides()
        return int.__hash__(self)

    def _told(self, *_: Any) -> Any:
        if asked_by_a_person(1):  # a text that hangs on it decides as well
            return self._decides()
        return str(int.__index__(self))

    __str__ = __repr__ = __format__ = _told

    def __bool__(self) -> bool:
        return True


for _name in COUNTING:
    setattr(RowCount, _name, RowCount._counts)


_LABELS: weakref.WeakValueDictionary[int, pd.Index] = weakref.WeakValueDictionary()


def labels_of(thing: Any) -> Any:
    """The names of the rows, of which there are as many as rows."""
    labels = thing.concrete.index
    _LABELS[id(labels)] = labels
    return labels


def is_labels(value: Any) -> bool:
    """Whether these are the names of the rows of a stand-in."""
    return isinstance(value, pd.Index) and id(value) in _LABELS
