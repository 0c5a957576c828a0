"""Owns the stand-in of a pandas Series: its name, its dtype, its parts. What becomes of its values: `values`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from convert.graph.graph import Tensor
from convert.tracing.recorder import elements
from convert.tracing.recorder.held import column
from convert.tracing.recorder.operators import COMPARISONS
from convert.tracing.recorder.recorder import quietly
from convert.tracing.recorder.refusals import MIXES, RECORDED, VECTORISED, only, refuse
from convert.tracing.recorder.texts import texts
from convert.tracing.recorder.texts.samples import NUMBERS
from convert.tracing.rows.picked import Picked
from convert.tracing.standins.arrays.values import astype
from convert.tracing.standins.dates.reading import dates_in
from convert.tracing.standins.functions.table import FUNCTIONS
from convert.tracing.standins.row_count import RowCount, labels_of
from convert.tracing.standins.series.accessors import CategoryAccessor, TextAccessor
from convert.tracing.standins.series.arithmetic import ARITHMETIC, dividend
from convert.tracing.standins.series.categories import as_category, decoded, plain
from convert.tracing.standins.series.values import SERIES, SeriesValues
from convert.tracing.standins.standin import StandIn


class Series(SeriesValues):
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
        if function in FUNCTIONS:
            return FUNCTIONS[function](*args, **kwargs)
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
        if isinstance(dtype, type | str) and np.dtype(dtype).kind in "iuf":
            self.recorder.doubt(self.tensor)
            if elements.is_text(self.tensor):
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
        return self.made(concrete, lambda x: self.recorder.read(texts.number(x).cast(dtype), x))

    def _as_texts(self, dtype: Any) -> Any:
        with quietly():
            concrete = self.concrete.astype(dtype)
        if self.tensor.dtype == np.bool_:
            return self.made(concrete, lambda x: elements.choose(x.graph, x, "True", "False"))
        self.recorder.doubt(self.tensor)
        if not elements.is_text(self.tensor):
            if self.recorder.origin(self.tensor) is not None:
                self.recorder.need_text(self.tensor, "astype(str)")
            raise refuse("numbers as texts are not recorded", "compare numbers with numbers")
        kept = isinstance(concrete.dtype, pd.StringDtype)  # a missing text stays missing
        word = "nan"
        return self.filter(concrete, lambda x: x if kept else elements.choose(x.graph, elements.missing(x), word, x))

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
