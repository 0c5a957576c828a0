"""Owns what a pandas Series makes of its values: filled, chosen, looked up, or by a function of one."""

from __future__ import annotations

import operator
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_scalar

from convert.tracing.recorder import arithmetic, elements, nodes
from convert.tracing.recorder.elements import is_nothing
from convert.tracing.recorder.recorder import quietly
from convert.tracing.recorder.refusals import only, refuse
from convert.tracing.recorder.texts import texts
from convert.tracing.standins.cells.cell import Cell
from convert.tracing.standins.cells.together import answers_of, put_together
from convert.tracing.standins.cells.ways import Ways
from convert.tracing.standins.functions.choices import chosen
from convert.tracing.standins.series.categories import as_category, plain
from convert.tracing.standins.standin import StandIn, alike, shown

NUMBER = "\ufdd3"  # stands for a number among texts, which no step takes for one of them; a noncharacter
SERIES = pd.Series  # itself: while code is recorded, pandas' name stands for something else


class SeriesValues(StandIn):
    """The half of a series' stand-in that changes values; `series` has the half that says what it is."""

    __slots__ = ()

    def fillna(self: Any, value: Any = None, inplace: bool = False, **others: Any) -> Any:
        """Missing values replaced by a constant or by another column."""
        only(others)
        if isinstance(value, str):
            self.recorder.need_text(self.tensor, f"fillna({value!r})")
            self.recorder.note(self.tensor, values=[value])
        if isinstance(self.concrete.dtype, pd.CategoricalDtype):
            made = as_category(plain(self).fillna(value), self.concrete.dtype)
            return self._in_place(made) if inplace else made
        with quietly():
            concrete = self.concrete.fillna(shown(value))
        other = value.tensor if isinstance(value, SeriesValues) else alike(self.recorder, value)
        made = self.filter(concrete, lambda x: elements.choose(x.graph, elements.missing(x), other, x))
        return self._in_place(made) if inplace else made

    def _in_place(self: Any, made: Any) -> None:
        self.concrete, self.columns_ = made.concrete, made.columns_

    def combine_first(self: Any, other: Any) -> Any:
        """Missing values replaced by another column's."""
        return self.fillna(other)

    def isna(self: Any) -> Any:
        """Where a value is missing."""
        return self.made(self.concrete.isna(), elements.missing)

    def notna(self: Any) -> Any:
        """Where a value is there."""
        return ~self.isna()

    isnull, notnull = isna, notna

    def isin(self: Any, values: Any) -> Any:
        """Where a value is among constants."""
        listed = list(values)
        self._note_keys(listed)
        return self.made(self.concrete.isin(listed), lambda x: nodes.holds_any(x, listed))

    def between(self: Any, left: Any, right: Any, inclusive: Any = "both") -> Any:
        """Between two limits."""
        above = self >= left if inclusive in ("both", "left") else self > left
        return above & (self <= right if inclusive in ("both", "right") else self < right)

    def clip(self: Any, lower: Any = None, upper: Any = None, **others: Any) -> Any:
        """Between two limits; a missing number stays missing."""
        only(others)
        with quietly():
            concrete = self.concrete.clip(shown(lower), shown(upper))
        if all(limit is not None and is_scalar(limit) for limit in (lower, upper)) and lower > upper:
            lower, upper = upper, lower  # as pandas does it
        made = self._limited(lower, np.maximum, operator.lt)
        made = made._limited(upper, np.minimum, operator.gt)
        self.recorder.keep_origin(made.tensor, self.tensor)
        return self.like(concrete, made.columns_)

    def _limited(self: Any, limit: Any, extreme: np.ufunc, beyond: Callable[[Any, Any], Any]) -> Any:
        """A missing limit is none."""
        if isinstance(limit, StandIn):
            return self.mask(beyond(self, limit), limit)
        return self if limit is None or limit != limit else extreme(self, limit)

    def round(self: Any, decimals: int = 0, **others: Any) -> Any:
        """To the nearest even."""
        only(others)
        return self.filter(self.concrete.round(decimals), lambda x: arithmetic.rounded(x, decimals))

    def abs(self: Any) -> Any:
        """Without sign."""
        return abs(self)

    def where(self: Any, condition: Any, other: Any = np.nan, **others: Any) -> Any:
        """Its values where a condition holds, others elsewhere."""
        only(others)
        condition = condition(self) if callable(condition) else condition
        other = other(self) if callable(other) else other
        with quietly():
            concrete = self.concrete.where(shown(condition), shown(other))
        return chosen(self.recorder, concrete, condition, plain(self), plain(other))

    def mask(self: Any, condition: Any, other: Any = np.nan, **others: Any) -> Any:
        """Other values where a condition holds."""
        only(others)
        return self.where(~(condition(self) if callable(condition) else condition), other)

    def map(self: Any, known: Any, na_action: Any = None) -> Any:
        """What a dictionary or a constant series has for each value, or a function of one value answers."""
        if isinstance(known, SERIES):
            known = known.to_dict()
        if not isinstance(known, Mapping):
            only({"na_action": na_action})
            return self.apply(known)
        self._note_keys(known)
        other = default_of(known)
        known = dict(known)
        with quietly():
            concrete = plain(self).concrete.map(known if other is None else lambda value: known.get(value, other))
        return self.made(concrete, lambda x: texts.looked_up(x, known, other))

    def replace(self: Any, known: Any = None, value: Any = None, inplace: bool = False, **keywords: Any) -> Any:
        """Constants replaced by others."""
        pairs = _pairs(known, value, keywords)
        self._note_keys(pairs)
        made = self._replaced(pairs)
        return self._in_place(made) if inplace else made

    def replaced_everywhere(self: Any, known: Any, value: Any, **keywords: Any) -> Any:
        """The same of a column among others of a table: one that holds other texts as well keeps them."""
        pairs = _pairs(known, value, keywords)
        if not elements.is_text(self.tensor):
            self._note_keys(pairs)
            return self._replaced(pairs)
        self.recorder.suppose(self.tensor, pairs)
        others = [text for text in self.concrete if isinstance(text, str) and text not in pairs]
        if others and not all(isinstance(item, str) or is_nothing(item) for item in pairs.values()):
            pairs = {key: item if isinstance(item, str) or is_nothing(item) else NUMBER for key, item in pairs.items()}
        return self._replaced(pairs)

    def _replaced(self: Any, known: Mapping[Any, Any]) -> Any:
        with quietly():
            concrete = plain(self).concrete.replace(known)
        values = self.tensor
        told = [item for item in known.values() if item is not None and item == item]
        numbers = elements.is_text(values) and bool(told) and not any(isinstance(item, str) for item in told)
        other = None if numbers else values  # texts that stay among numbers are nothing that a model takes
        return self.filter(concrete, lambda x: texts.looked_up(x, dict(known), other))

    def _note_keys(self: Any, keys: Any) -> None:
        listed = [key for key in keys if key is not None]
        flags = {isinstance(key, bool | np.bool_) for key in listed if key == key and not isinstance(key, str)}
        if flags and flags != {self.tensor.dtype == np.bool_}:  # which pandas takes for equal here, and there not
            raise refuse("it looks booleans up among numbers, or numbers among booleans", "astype(int), astype(bool)")
        there = [key for key in listed if key == key]
        if there and all(isinstance(key, str) for key in there):
            self.recorder.need_text(self.tensor, f"a comparison with {there[0]!r}")
        self.recorder.note(self.tensor, values=listed)

    def apply(self: Any, function: Any, args: Any = (), **keywords: Any) -> Any:
        """A function of one value: both ways of each of its decisions are recorded."""
        if isinstance(function, np.ufunc):
            return function(self)
        if isinstance(function, str):
            return getattr(self, function)(*args, **keywords)
        ways, values = Ways(), self.tensor
        cell = Cell(self.recorder, values, ways)
        found = ways.follow(function, lambda called: called(cell, *args, **keywords))
        with quietly():
            concrete = answers_of(found, lambda: self.concrete.apply(function, args=args, **keywords), self.concrete)
        return self.made(concrete, lambda x: put_together(self.recorder, x, found))

    transform = apply

    def pipe(self: Any, function: Any, *args: Any, **keywords: Any) -> Any:
        """A function of the whole column."""
        return function(self, *args, **keywords)


def _pairs(known: Any, value: Any, keywords: Mapping[str, Any]) -> dict[Any, Any]:
    """What replace is given, as a dict."""
    if keywords:
        raise refuse("Series.replace by expressions is not recorded", "replace whole values by a dict, or .str")
    if isinstance(known, Mapping):
        return dict(known)
    listed = list(known) if isinstance(known, list | tuple) else [known]
    return dict(zip(listed, value if isinstance(value, list | tuple) else [value] * len(listed), strict=True))


def default_of(known: Mapping[Any, Any]) -> Any:
    """What a dictionary has for keys that it does not hold: None for nothing. Raises a refusal for other kinds."""
    if isinstance(known, defaultdict) and known.default_factory is not None:
        return known.default_factory()
    if isinstance(known, Counter):
        return 0
    if isinstance(known, dict) and hasattr(type(known), "__missing__") and not isinstance(known, defaultdict):
        raise refuse(f"a {type(known).__name__} answers by itself for what it does not hold", "use a dict")
    return None
