"""Owns the stand-in of a pandas Series: one column. Its texts and its categories have files of their own."""

from __future__ import annotations

import operator
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_scalar

from convert.graph.columns import Columns
from convert.graph.graph import Tensor
from convert.tracing.recorder import arithmetic, elements, nodes, texts
from convert.tracing.recorder.operators import COMPARISONS, OPERATORS
from convert.tracing.recorder.recorder import Recorder, coded, column, quietly
from convert.tracing.recorder.refusals import MIXES, RECORDED, VECTORISED, only, refuse
from convert.tracing.recorder.samples import NUMBERS
from convert.tracing.rows.picked import Picked
from convert.tracing.standins import functions
from convert.tracing.standins.accessors import CategoryAccessor, TextAccessor
from convert.tracing.standins.arrays import astype
from convert.tracing.standins.cells import Cell, Ways, answers_of, put_together
from convert.tracing.standins.dates import dates_in
from convert.tracing.standins.row_count import RowCount, labels_of
from convert.tracing.standins.standin import StandIn, alike, shown

ARITHMETIC = {
    **OPERATORS,
    "div": OPERATORS["truediv"],
    "multiply": OPERATORS["mul"],
    "subtract": OPERATORS["sub"],
    "divide": OPERATORS["truediv"],
}


SERIES = pd.Series  # itself: while code is recorded, pandas' name stands for something else


class Series(StandIn):
    """Stands for a Series."""

    __slots__ = ()
    _typ = "series"  # by which a pandas Series on the left leaves an operation to this one

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        """So that a person's isinstance(x, pd.Series) holds."""
        return SERIES

    @property
    def tensor(self) -> Tensor:
        """Its values; a category is what it stands for."""
        held = self.columns_.parts[0][0]
        dtype = self.concrete.dtype
        return decoded(held, dtype) if isinstance(dtype, pd.CategoricalDtype) else held

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if function in functions.FUNCTIONS:
            return functions.FUNCTIONS[function](*args, **kwargs)
        raise refuse(f"numpy.{function.__name__} is not recorded", RECORDED)

    def made(self, concrete: Any, make: Callable[[Tensor], Tensor]) -> Any:
        """Another series, of what ``make`` gives for the values."""
        values = self.tensor
        return self.like(concrete, column(self.recorder.node(lambda: make(values))))

    def filter(self, concrete: Any, make: Callable[[Tensor], Tensor]) -> Any:
        """The same column of the input, or the same piece of it, with changed values."""
        values = self.tensor
        made = self.recorder.keep_origin(self.recorder.node(lambda: make(values)), values)
        return self.like(concrete, column(self.recorder.take(made, values, lambda text: text)))

    def binary(self, act: Callable[[Any, Any], Any], ufunc: np.ufunc, left: Any, right: Any) -> Any:
        """As of any stand-in; categories are compared as what they stand for."""
        left, right = plain(left), plain(right)
        return StandIn.binary(self, act, ufunc, dividend(ufunc, left, right), right)

    shape = property(lambda self: (RowCount(len(self.concrete)),))
    size = property(lambda self: RowCount(len(self.concrete)))
    ndim = 1
    dtype = property(lambda self: self.concrete.dtype)
    dtypes = dtype
    index = property(lambda self: labels_of(self))
    empty = False
    values = property(lambda self: self.to_numpy())
    array = values

    @property
    def name(self) -> Any:
        """The column's."""
        return self.concrete.name

    @name.setter
    def name(self, value: Any) -> None:
        self.concrete = self.concrete.rename(value)

    @property
    def str(self) -> TextAccessor:
        """Functions of texts."""
        self.recorder.need_text(self.tensor, ".str")
        return TextAccessor(self)

    @property
    def dt(self) -> Any:
        """Parts of dates, which this column does not hold: it says so, or that it is one of the input."""
        return dates_in(self, ".dt").dt

    @property
    def cat(self) -> CategoryAccessor:
        """Categories and their codes."""
        return CategoryAccessor(self)

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, StandIn):
            return Picked(self, key)
        raise refuse("it takes some of the rows", "a transformer answers every row: Series.where, np.where")

    def __setitem__(self, key: Any, value: Any) -> None:
        if not isinstance(key, StandIn):
            raise refuse("it sets single rows", VECTORISED)
        made = self.mask(key, value.put_back(key) if type(value) is Picked else value)
        self.concrete, self.columns_ = made.concrete, made.columns_

    def to_numpy(self, dtype: Any = None, **others: Any) -> Any:
        """The values as an array [rows]."""
        only(others)
        concrete = np.asarray(self.concrete.to_numpy())
        whole = self.like(concrete, column(self.tensor))
        return whole if dtype is None else whole.astype(dtype)

    def to_frame(self, name: Any = None) -> Any:
        """A frame of this one column."""
        given = () if name is None else (name,)
        return self.like(self.concrete.to_frame(*given), self.columns_)

    def copy(self, *_: Any, **__: Any) -> Any:
        """Another series with the same values."""
        return self.like(self.concrete.copy(), self.columns_)

    def rename(self, name: Any = None, **others: Any) -> Any:
        """Under another name."""
        only(others)
        return self.like(self.concrete.rename(name), self.columns_)

    def reset_index(self, drop: bool = False, inplace: bool = False, **others: Any) -> Any:
        """Rows are numbered anew; they have no other names here."""
        only(others)
        if not drop:
            raise refuse("the numbering of rows becomes a column", "reset_index(drop=True)")
        return None if inplace else self.copy()

    def astype(self, dtype: Any, **others: Any) -> Any:
        """Another dtype; categories that are named are known ones."""
        only(others)
        if isinstance(dtype, str) and dtype == "category":
            raise refuse(
                f"astype('category') takes the categories from the rows: {MIXES}",
                "pd.CategoricalDtype([...]) with the categories, found in fit",
            )
        if isinstance(dtype, pd.CategoricalDtype):
            return as_category(self, dtype)
        if dtype in (str, "str", "string") or isinstance(dtype, pd.StringDtype):
            return self._as_texts(dtype)
        if elements.is_text(self.tensor) and isinstance(dtype, type | str) and np.dtype(dtype).kind in "iuf":
            return self._as_numbers(np.dtype(dtype))
        return astype(plain(self), dtype, self.concrete.astype)

    def _as_numbers(self, dtype: Any) -> Any:
        try:
            with quietly():
                concrete = self.concrete.astype(dtype)
        except (TypeError, ValueError) as error:
            raise refuse(
                f"the rows made up have texts that are no numbers ({str(error)[:100]})",
                "give rows of yours: --data ROWS.csv",
            ) from error
        self.recorder.sample(self.tensor, NUMBERS)
        return self.made(concrete, lambda x: texts.number(x) if dtype.kind == "f" else texts.number(x).cast(dtype))

    def _as_texts(self, dtype: Any) -> Any:
        with quietly():
            concrete = self.concrete.astype(dtype)
        if self.tensor.dtype == np.bool_:
            return self.made(concrete, lambda x: elements.choose(x.graph, x, "True", "False"))
        if not elements.is_text(self.tensor):
            if self.recorder.origin(self.tensor) is not None:
                self.recorder.need_text(self.tensor, "astype(str)")
            raise refuse("numbers as texts are not recorded", "compare numbers with numbers")
        kept = isinstance(concrete.dtype, pd.StringDtype)  # a missing text stays missing
        word = "nan"
        return self.filter(concrete, lambda x: x if kept else elements.choose(x.graph, elements.missing(x), word, x))

    def fillna(self, value: Any = None, inplace: bool = False, **others: Any) -> Any:
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
        other = value.tensor if isinstance(value, Series) else alike(self.recorder, value)
        made = self.filter(concrete, lambda x: elements.choose(x.graph, elements.missing(x), other, x))
        return self._in_place(made) if inplace else made

    def _in_place(self, made: Any) -> None:
        self.concrete, self.columns_ = made.concrete, made.columns_

    def combine_first(self, other: Any) -> Any:
        """Missing values replaced by another column's."""
        return self.fillna(other)

    def isna(self) -> Any:
        """Where a value is missing."""
        return self.made(self.concrete.isna(), elements.missing)

    def notna(self) -> Any:
        """Where a value is there."""
        return ~self.isna()

    isnull, notnull = isna, notna

    def isin(self, values: Any) -> Any:
        """Where a value is among constants."""
        listed = list(values)
        self._note_keys(listed)
        return self.made(self.concrete.isin(listed), lambda x: nodes.holds_any(x, listed))

    def between(self, left: Any, right: Any, inclusive: Any = "both") -> Any:
        """Between two limits."""
        above = self >= left if inclusive in ("both", "left") else self > left
        return above & (self <= right if inclusive in ("both", "right") else self < right)

    def clip(self, lower: Any = None, upper: Any = None, **others: Any) -> Any:
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

    def _limited(self, limit: Any, extreme: np.ufunc, beyond: Callable[[Any, Any], Any]) -> Any:
        """A missing limit is none."""
        if isinstance(limit, StandIn):
            return self.mask(beyond(self, limit), limit)
        return self if limit is None or limit != limit else extreme(self, limit)

    def round(self, decimals: int = 0, **others: Any) -> Any:
        """To the nearest even."""
        only(others)
        return self.filter(self.concrete.round(decimals), lambda x: arithmetic.rounded(x, decimals))

    def abs(self) -> Any:
        """Without sign."""
        return abs(self)

    def where(self, condition: Any, other: Any = np.nan, **others: Any) -> Any:
        """Its values where a condition holds, others elsewhere."""
        only(others)
        condition = condition(self) if callable(condition) else condition
        other = other(self) if callable(other) else other
        with quietly():
            concrete = self.concrete.where(shown(condition), shown(other))
        return functions.chosen(self.recorder, concrete, condition, plain(self), plain(other))

    def mask(self, condition: Any, other: Any = np.nan, **others: Any) -> Any:
        """Other values where a condition holds."""
        only(others)
        return self.where(~(condition(self) if callable(condition) else condition), other)

    def map(self, known: Any, na_action: Any = None) -> Any:
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

    def replace(self, known: Any = None, value: Any = None, inplace: bool = False, **keywords: Any) -> Any:
        """Constants replaced by others."""
        if keywords:
            raise refuse("Series.replace by expressions is not recorded", "replace whole values by a dict, or .str")
        if not isinstance(known, Mapping):
            listed = list(known) if isinstance(known, list | tuple) else [known]
            known = dict(zip(listed, value if isinstance(value, list | tuple) else [value] * len(listed), strict=True))
        self._note_keys(known)
        with quietly():
            concrete = plain(self).concrete.replace(known)
        values = self.tensor
        told = [item for item in known.values() if item is not None and item == item]
        numbers = elements.is_text(values) and bool(told) and not any(isinstance(item, str) for item in told)
        other = None if numbers else values  # texts that stay among numbers are nothing that a model takes
        made = self.filter(concrete, lambda x: texts.looked_up(x, dict(known), other))
        return self._in_place(made) if inplace else made

    def _note_keys(self, keys: Any) -> None:
        listed = [key for key in keys if key is not None]
        flags = {isinstance(key, bool | np.bool_) for key in listed if key == key and not isinstance(key, str)}
        if flags and flags != {self.tensor.dtype == np.bool_}:  # which pandas takes for equal here, and there not
            raise refuse("it looks booleans up among numbers, or numbers among booleans", "astype(int), astype(bool)")
        there = [key for key in listed if key == key]
        if there and all(isinstance(key, str) for key in there):
            self.recorder.need_text(self.tensor, f"a comparison with {there[0]!r}")
        self.recorder.note(self.tensor, values=listed)

    def apply(self, function: Any, args: Any = (), **keywords: Any) -> Any:
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

    def pipe(self, function: Any, *args: Any, **keywords: Any) -> Any:
        """A function of the whole column."""
        return function(self, *args, **keywords)

    def infer_objects(self, *_: Any, **others: Any) -> Any:
        """The dtype is what it is."""
        only(others)
        return self.like(self.concrete.infer_objects(), self.columns_)


def _arithmetic(act: Any, ufunc: np.ufunc, swapped: bool = False) -> Any:
    def method(self: Any, other: Any, fill_value: Any = None, **keywords: Any) -> Any:
        if fill_value is not None or keywords.keys() - {"axis"}:
            raise refuse("arithmetic with fill_value is not recorded", "fillna first")
        return self.binary(act, ufunc, *((other, self) if swapped else (self, other)))

    return method


for _name, _pair in {**ARITHMETIC, **COMPARISONS}.items():
    if _name not in ("and", "or", "xor"):
        setattr(Series, _name, _arithmetic(*_pair))
        setattr(Series, f"r{_name}", _arithmetic(*_pair, swapped=True))


def dividend(ufunc: np.ufunc, left: Any, right: Any) -> Any:
    """Whole numbers over what may be zero, as floats: pandas answers with infinite or missing ones, numpy with 0."""
    sure = np.ndim(right) == 0 and not isinstance(right, StandIn) and right == right and right != 0
    if ufunc not in (np.floor_divide, np.remainder) or sure:
        return left
    if isinstance(left, StandIn):
        kinds = left.concrete.dtypes if left.ndim == 2 else [left.concrete.dtype]
        whole = hasattr(left.concrete, "index") and any(isinstance(k, np.dtype) and k.kind in "biu" for k in kinds)
        return left.astype(np.float64) if whole else left
    return float(left) if isinstance(left, int) else left


def default_of(known: Mapping[Any, Any]) -> Any:
    """What a dictionary has for keys that it does not hold: None for nothing. Raises a refusal for other kinds."""
    if isinstance(known, defaultdict) and known.default_factory is not None:
        return known.default_factory()
    if isinstance(known, Counter):
        return 0
    if isinstance(known, dict) and hasattr(type(known), "__missing__") and not isinstance(known, defaultdict):
        raise refuse(f"a {type(known).__name__} answers by itself for what it does not hold", "use a dict")
    return None


def plain(value: Any) -> Any:
    """A series of categories as one of what they stand for."""
    if isinstance(value, Series) and isinstance(value.concrete.dtype, pd.CategoricalDtype):
        concrete = value.concrete.astype(
            value.concrete.dtype.categories.dtype if not value.concrete.isna().any() else object
        )
        return value.like(concrete, column(value.tensor))
    return value


def decoded(codes: Tensor, dtype: pd.CategoricalDtype) -> Tensor:
    """What codes stand for; a code below 0 for a missing value."""
    values = [*dtype.categories, None]
    kind = elements.joint_dtype(values)
    table = elements.as_operand(
        codes.graph,
        np.array(
            [np.nan if v is None and kind.kind != "O" else v for v in values],
            object if kind.kind == "O" else np.float64,
        ),
        kind,
    )
    at = codes.equals(-1).where(np.int64(len(values) - 1), codes)
    return codes.graph.op("Gather", table, at, axis=0)


def as_category(series: Series, dtype: pd.CategoricalDtype) -> Any:
    """Known categories; a value that is none of them is missing."""
    if dtype.categories is None:
        raise refuse(f"a dtype of categories without them takes them from the rows: {MIXES}", "name them")
    if all(isinstance(value, str) for value in dtype.categories):
        series._note_keys(list(dtype.categories))
    with quietly():
        concrete = series.concrete.astype(dtype)
    return series.made(concrete, lambda x: coded(x, list(dtype.categories)))


def stand_in(recorder: Recorder, concrete: Any, made: Columns) -> Series:
    """The series of a result."""
    return Series(recorder, concrete, made)
