"""Owns the check of rows value by value: what each feature takes. Knows neither buffers nor answers.

Refusals name the feature; they are what a client reads of its mistakes.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterable, Sequence
from operator import itemgetter
from typing import Any, NoReturn

from server.artefact.metadata import MISSING_TEXT, SINCE_1970, Feature
from server.codecs.dates import seconds_of
from server.codecs.refusals import counted, few, lacking, listed, refuse, shown
from server.errors import ServerError

Locate = Callable[[int, str], str]  # where a value is, by row number and feature name; "": the whole row

STRUCT_CODES = {"float64": "d", "float32": "f", "int64": "q", "bool": "?"}
DATE = "seconds since 1970, or a date as 2024-02-29T10:30:00 without a time zone"
EXPECTED = {
    "float64": "a number",
    "float32": "a number",
    "int64": "a whole number",
    "bool": "true or false",
    "string": "a string",
}


class RowChecker:
    """Checks rows, lists in schema order or objects by feature name, and puts them in that order.

    All raise ServerError ``invalid_input``, ``out_of_range`` or ``too_deep``.
    """

    def __init__(self, features: Sequence[Feature], ignored: Iterable[str]) -> None:
        self._features = tuple(features)
        self._ignored = frozenset(ignored)
        self._names = tuple(feature.name for feature in features)
        self._name_set = frozenset(self._names)
        self.width = len(self._features)
        self._pick = itemgetter(*self._names) if self.width > 1 else None
        self._categories = {
            index: frozenset(feature.categories)
            for index, feature in enumerate(self._features)
            if feature.categories is not None
        }
        self._dates = frozenset(index for index, feature in enumerate(features) if feature.unit == SINCE_1970)

    def checked(self, row: Any, where: str) -> list[Any]:
        """The values of a row, which errors say is at ``where``."""
        values = self._values(row, where)
        named = type(row) is dict
        return [
            self._check(index, value, f"feature '{self._names[index]}'" if named else f"{where}[{index}]")
            for index, value in enumerate(values)
        ]

    def checked_at(self, index: int, row: Any, locate: Locate) -> list[Any]:
        """The values of the row of a number."""
        values = self._values(row, locate(index, ""))
        return [self._check(column, value, locate(index, self._names[column])) for column, value in enumerate(values)]

    def _values(self, row: Any, where: str) -> Sequence[Any]:
        if type(row) is dict:
            if row.keys() != self._name_set and row.keys() - self._ignored != self._name_set:
                self._refuse_names(row, where)
            return [row[name] for name in self._names] if self._pick is None else self._pick(row)
        if type(row) is not list:
            refuse(row, f"{where}: expected a row as a list or as an object by feature name, got {shown(row)}")
        if len(row) != self.width:
            refuse(row, f"{where}: expected {counted(self.width, 'value')} ({listed(self._names)}), got {len(row)}")
        return row

    def _refuse_names(self, row: dict[str, Any], where: str) -> NoReturn:
        at = "" if where == "features" else f"{where}: "
        missing = [name for name in self._names if name not in row]
        extra = next((name for name in row if name not in self._name_set and name not in self._ignored), None)
        but = "" if extra is None else f", got {shown(extra)}"
        if missing:
            refuse(row, f"{at}{lacking(missing)}{but}")
        refuse(row, f"{at}unexpected feature {shown(extra)}: this model takes {listed(self._names)}")

    def _check(self, index: int, value: Any, where: str) -> Any:
        feature = self._features[index]
        if value is None and feature.nullable:
            return MISSING_TEXT if feature.dtype == "string" else math.nan
        if type(value) is str and index in self._dates:
            value = _seconds(value, where)
        checked = _typed(feature.dtype, value, where)
        allowed = self._categories.get(index)
        if allowed is not None and checked not in allowed:
            categories = feature.categories or ()
            known = few([shown(category) for category in categories[:8]], len(categories))
            raise ServerError("invalid_input", f"{where}: expected one of {known}, got {shown(value)}")
        if checked == MISSING_TEXT and not feature.nullable:
            raise ServerError("invalid_input", f"{where}: a missing value, which U+FDD0 stands for, is not taken here")
        return checked


def _seconds(text: str, where: str) -> float:
    seconds = seconds_of(text)
    if seconds is None:
        refuse(text, f"{where}: expected {DATE}, got {shown(text)}")
    return seconds


def _typed(dtype: str, value: Any, where: str) -> Any:
    kind = type(value)
    if dtype == "string":
        good = kind is str
    elif dtype == "bool":
        good = kind is bool
    elif dtype == "int64":
        good = kind is int
    else:
        good = kind is int or kind is float
    if not good:
        refuse(value, f"{where}: expected {EXPECTED[dtype]}, got {shown(value)}")
    if dtype in ("float32", "int64"):
        try:
            struct.pack(f"={STRUCT_CODES[dtype]}", value)  # without "=" a float beyond the range packs as infinity
        except (struct.error, OverflowError):
            raise ServerError("out_of_range", f"{where}: {shown(value)} is beyond the range of {dtype}") from None
    return value
