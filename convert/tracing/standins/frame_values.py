"""Owns what a pandas DataFrame makes of its values, column by column or along its rows. Knows no names of columns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_scalar

from convert.graph.columns import Columns
from convert.tracing.recorder.held import column
from convert.tracing.recorder.operators import COMPARISONS
from convert.tracing.recorder.recorder import quietly
from convert.tracing.recorder.reducing import reduced
from convert.tracing.recorder.refusals import IN_FIT, MIXES, only, refuse
from convert.tracing.rows.frames import AlongRows
from convert.tracing.rows.merging import merged
from convert.tracing.standins.cells.cell import Cell
from convert.tracing.standins.cells.row import RowOfCells
from convert.tracing.standins.cells.together import answers_of, put_together
from convert.tracing.standins.cells.ways import Ways
from convert.tracing.standins.series.arithmetic import ARITHMETIC
from convert.tracing.standins.series.categories import plain
from convert.tracing.standins.series.series import Series
from convert.tracing.standins.standin import StandIn, shown


class FrameValues(AlongRows, StandIn):
    """The half of a frame's stand-in that changes values; `frames` has the half that chooses columns."""

    __slots__ = ()

    def squeeze(self: Any, axis: Any = None) -> Any:
        """A single column as a series."""
        return self.single(0) if self.concrete.shape[1] == 1 else self

    def assign(self: Any, **made: Any) -> Any:
        """New columns, from values or from functions of the frame."""
        whole = self.copy()
        for name, value in made.items():
            whole[name] = value(whole) if callable(value) else value
        return whole

    def copy(self: Any, *_: Any, **__: Any) -> Any:
        """Another frame with the same values."""
        return self.like(self.concrete.copy(), self.columns_)

    def reset_index(self: Any, drop: bool = False, inplace: bool = False, **others: Any) -> Any:
        """Rows are numbered anew; they have no other names here."""
        only(others)
        if not drop:
            raise refuse("the numbering of rows becomes a column", "reset_index(drop=True)")
        return None if inplace else self.copy()

    def to_numpy(self: Any, dtype: Any = None, **others: Any) -> Any:
        """All values as one array."""
        only(others)
        concrete = self.concrete.to_numpy() if dtype is None else self.concrete.to_numpy(dtype=dtype)
        singles = (
            tuple((plain(self[name]).tensor, 1) for name in self.concrete.columns) if self._has_categories() else None
        )
        made = self.columns_ if singles is None else Columns(self.recorder.graph, singles)
        return self.like(concrete, made)

    def _has_categories(self: Any) -> bool:
        return any(isinstance(dtype, pd.CategoricalDtype) for dtype in self.concrete.dtypes)

    def pipe(self: Any, function: Any, *args: Any, **keywords: Any) -> Any:
        """A function of the whole frame."""
        return function(self, *args, **keywords)

    def join(self: Any, other: Any, **keywords: Any) -> Any:
        """Columns of another frame of the same rows beside these, or of a constant one by a key."""
        if not isinstance(other, StandIn) and (on := keywords.pop("on", None)) is not None:
            table = other.rename_axis([on] if isinstance(on, str) else list(on)).reset_index()
            return merged(self, table, keywords.pop("how", "left"), on, on, **keywords)
        with quietly():
            concrete = self.concrete.join(shown(other), **keywords)
        return self.like(concrete, self.columns_.beside(other.columns_))

    def merge(self: Any, right: Any, how: str = "inner", on: Any = None, **keywords: Any) -> Any:
        """Columns of a constant table beside these, by a key."""
        left_on, right_on = (keywords.pop(side, on) for side in ("left_on", "right_on"))
        return merged(self, right, how, left_on, right_on, **keywords)

    def each(self: Any, act: Callable[[Any], Any]) -> Any:
        """A function of each column, the results under the same names."""
        whole = self.copy()
        for name in self.concrete.columns:
            whole[name] = act(self[name])
        return whole

    def fillna(self: Any, value: Any = None, inplace: bool = False, **others: Any) -> Any:
        """Missing values replaced: by one constant, or by one for each column."""
        only(others)
        by_name = dict(value) if isinstance(value, Mapping | pd.Series) else None
        if isinstance(value, FrameValues):
            by_name = dict(value.items())
        made = self.copy()
        for name in self.concrete.columns if by_name is None else [n for n in by_name if n in self.concrete.columns]:
            made[name] = made[name].fillna(value if by_name is None else by_name[name])
        return self._become(made) if inplace else made

    def replace(self: Any, known: Any = None, value: Any = None, inplace: bool = False, **keywords: Any) -> Any:
        """Constants replaced by others, in all columns or by column."""
        nested = isinstance(known, Mapping) and any(isinstance(inner, Mapping) for inner in known.values())
        made = self.copy()
        for name in known if nested else self.concrete.columns:
            told = known[name] if nested else known
            keys = list(told) if isinstance(told, Mapping | list | tuple) else [told]
            if any(isinstance(key, str) for key in keys) and self[name].tensor.dtype.kind != "O":
                self.recorder.doubt(self[name].tensor)
            if nested:
                made[name] = self[name].replace(told, value, **keywords)
            elif _may_hold(self[name], keys):
                made[name] = self[name].replaced_everywhere(told, value, **keywords)
        return self._become(made) if inplace else made

    def astype(self: Any, dtype: Any, **others: Any) -> Any:
        """Other dtypes, one for all columns or by name."""
        only(others)
        by_name = dict(dtype) if isinstance(dtype, Mapping) else dict.fromkeys(self.concrete.columns, dtype)
        made = self.copy()
        for name, kind in by_name.items():
            made[name] = made[name].astype(kind)
        return made

    def isna(self: Any) -> Any:
        """Where values are missing."""
        return self.each(lambda series: series.isna())

    def notna(self: Any) -> Any:
        """Where values are there."""
        return self.each(lambda series: series.notna())

    isnull, notnull = isna, notna

    def clip(self: Any, lower: Any = None, upper: Any = None, axis: Any = None, **others: Any) -> Any:
        """Between two limits, for all columns or for each."""
        only(others)
        if is_scalar(lower) and is_scalar(upper):
            return self.each(lambda series: series.clip(lower, upper))
        below = self.each(lambda series: series.clip(lower=_of_column(lower, series.name)))
        return below.each(lambda series: series.clip(upper=_of_column(upper, series.name)))

    def round(self: Any, decimals: Any = 0, **others: Any) -> Any:
        """To the nearest even."""
        only(others)
        digits = dict(decimals) if isinstance(decimals, Mapping) else dict.fromkeys(self.concrete.columns, decimals)
        made = self.copy()
        for name, count in digits.items():
            made[name] = self[name].round(count)
        return made

    def abs(self: Any) -> Any:
        """Without signs."""
        return abs(self)

    def where(self: Any, condition: Any, other: Any = np.nan, **others: Any) -> Any:
        """Its values where a condition holds, others elsewhere."""
        only(others)
        condition = condition(self) if callable(condition) else condition
        return self.each(
            lambda column: column.where(_of_column(condition, column.name), _of_column(other, column.name))
        )

    def mask(self: Any, condition: Any, other: Any = np.nan, **others: Any) -> Any:
        """Other values where a condition holds."""
        only(others)
        return self.where(~(condition(self) if callable(condition) else condition), other)

    def isin(self: Any, values: Any) -> Any:
        """Where values are among constants."""
        return self.each(lambda series: series.isin(values[series.name] if isinstance(values, Mapping) else values))

    def map(self: Any, function: Any, na_action: Any = None, **keywords: Any) -> Any:
        """A function of each value."""
        only({"na_action": na_action})
        return self.each(lambda series: series.apply(function, **keywords))

    applymap = map  # noqa: A003  pandas' name

    def apply(self: Any, function: Any, axis: Any = 0, args: Any = (), **keywords: Any) -> Any:
        """A function of each column, or, along axis 1, of the values of each row."""
        if axis in (0, "index"):
            return self.each(lambda series: function(series, *args, **keywords))
        ways = Ways(python=self.concrete.to_numpy().dtype == object)
        cells = {name: Cell(self.recorder, self[name].tensor, ways) for name in self.concrete.columns}
        found = ways.follow(function, lambda called: called(RowOfCells(self.recorder, cells), *args, **keywords))
        with quietly():
            concrete = answers_of(
                found, lambda: self.concrete.apply(function, axis=1, args=args, **keywords), self.concrete.iloc[:, 0]
            )
        like = next(iter(cells.values())).tensor
        return self.like(concrete, column(put_together(self.recorder, like, found)))


def _of_column(value: Any, name: Any) -> Any:
    """What a frame or a constant series has for one column; anything else is for all."""
    by_column = isinstance(value, FrameValues | pd.Series) and not isinstance(value, Series)
    return value[name] if by_column else value


def _may_hold(series: Series, keys: Sequence[Any]) -> bool:
    """Whether a column may hold one of these constants: numbers are not looked for among texts."""
    texts = series.tensor.dtype.kind == "O"
    return any(isinstance(key, str) == texts or key is None or key != key for key in keys)


def _arithmetic(act: Any, ufunc: np.ufunc, swapped: bool = False) -> Any:
    def method(self: Any, other: Any, axis: Any = "columns", fill_value: Any = None, **others: Any) -> Any:
        only(others)
        if fill_value is not None:
            raise refuse("arithmetic with fill_value is not recorded", "fillna first")
        if isinstance(other, Series) and axis in (0, "index"):
            return self.each(lambda series: self.binary(act, ufunc, *((other, series) if swapped else (series, other))))
        return self.binary(act, ufunc, *((other, self) if swapped else (self, other)))

    return method


def _reducing(kind: str) -> Any:
    def method(
        self: Any, axis: Any = 0, skipna: bool = True, numeric_only: bool = False, ddof: int = 1, **others: Any
    ) -> Any:
        only(others)
        if axis not in (1, "columns"):
            raise refuse(f"DataFrame.{kind}: {MIXES}", IN_FIT)
        frame = self.select_dtypes(["number", "bool"]) if numeric_only else self
        with quietly():
            given = {} if kind == "count" else {"skipna": skipna} | ({"ddof": ddof} if kind in ("std", "var") else {})
            concrete = getattr(frame.concrete, kind)(axis=1, **given)
        table = self.recorder.one(frame.columns_)
        return self.like(
            concrete, column(self.recorder.node(lambda: reduced(kind, table, frame.columns_.width, skipna, ddof)))
        )

    return method


for _name, _pair in {**ARITHMETIC, **COMPARISONS}.items():
    if _name not in ("and", "or", "xor"):
        setattr(FrameValues, _name, _arithmetic(*_pair))
        setattr(FrameValues, f"r{_name}", _arithmetic(*_pair, swapped=True))
for _name in ("sum", "mean", "min", "max", "std", "var", "prod", "count", "all", "any"):
    setattr(FrameValues, _name, _reducing(_name))
