"""Owns what pandas' functions are when they get stand-ins: cut, get_dummies, concat and their kin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from convert.graph.columns import Columns
from convert.graph.graph import Tensor
from convert.tracing.recorder import elements, texts
from convert.tracing.recorder.recorder import CURRENT, column, quietly
from convert.tracing.recorder.refusals import IN_FIT, MIXES, RECORDED, VECTORISED, only, prepared, refuse, remember
from convert.tracing.recorder.samples import NUMBERS
from convert.tracing.standins.cells.cell import Cell
from convert.tracing.standins.cells.ways import is_cell
from convert.tracing.standins.dates.times import Times
from convert.tracing.standins.frames import DATA_FRAME, Frame
from convert.tracing.standins.functions.edges import as_edges, compared_with, counted
from convert.tracing.standins.functions.given import recorder_of
from convert.tracing.standins.series.series import Series
from convert.tracing.standins.standin import StandIn, alike, shown

WITH_KNOWN = (
    "name them: pd.get_dummies(df).reindex(columns=self.columns_, fill_value=0), or astype(pd.CategoricalDtype([...]))"
    " before; or use OneHotEncoder"
)
ROWS_HELP = "give rows of yours: --data ROWS.csv; or name them: pd.get_dummies(df, columns=[...])"
FIXED = "give the edges themselves, found in fit: pd.cut(x, [0, 12, 18, 65])"


def cut(
    x: Any, bins: Any, right: bool = True, labels: Any = None, include_lowest: bool = False, **keywords: Any
) -> Any:
    """Into bins with fixed edges: codes, or categories with the labels given."""
    if isinstance(bins, StandIn) or np.ndim(bins) == 0:
        raise refuse(f"pandas.cut into {bins!r} bins finds their edges in the rows: {MIXES}", FIXED)
    if keywords.keys() - {"ordered", "precision", "duplicates"}:
        raise refuse(f"pandas.cut with {', '.join(keywords)} is not recorded", RECORDED)
    with quietly():
        concrete = pd.cut(shown(x), bins, right=right, labels=labels, include_lowest=include_lowest, **keywords)
    if isinstance(concrete, pd.Categorical):
        raise refuse("pandas.cut of an array is not recorded", "of a Series it is: pd.cut(df['a'], ...)")
    edges = as_edges(bins)
    edges = np.unique(edges) if keywords.get("duplicates") == "drop" else edges
    count = counted(x, edges, right)
    value = compared_with(edges, x.tensor)
    if include_lowest and right:
        count = value.equals(edges[0].astype(value.dtype)).where(np.int64(1), count)
    inside = (count > 0) & (count < len(edges)) & ~elements.missing(value)
    code = inside.where(count - np.int64(1), np.int64(-1))
    if isinstance(concrete.dtype, pd.CategoricalDtype):
        if not concrete.dtype.ordered and labels is not None:  # one label may stand for several bins
            named = np.array([concrete.dtype.categories.get_loc(label) for label in labels] + [-1], np.int64)
            at = code.equals(-1).where(np.int64(len(named) - 1), code)
            code = x.recorder.graph.op("Gather", x.recorder.graph.constant(named), at, axis=0)
        return x.like(concrete, column(code))
    return x.like(concrete, column(inside.where(code.cast(np.float64), np.float64(np.nan))))


def qcut(x: Any, *_: Any, **__: Any) -> Any:
    """Quantiles are those of the rows."""
    raise refuse(f"pandas.qcut finds its edges in the rows: {MIXES}", FIXED)


def get_dummies(
    data: Any,
    prefix: Any = None,
    prefix_sep: str = "_",
    dummy_na: bool = False,
    columns: Any = None,
    sparse: bool = False,
    drop_first: bool = False,
    dtype: Any = None,
) -> Any:
    """One column for each known category."""
    options = {
        "prefix": prefix,
        "prefix_sep": prefix_sep,
        "dummy_na": dummy_na,
        "drop_first": drop_first,
        "dtype": dtype,
    }
    if sparse or dummy_na:
        raise refuse("pandas.get_dummies with sparse or dummy_na is not recorded", RECORDED)
    with quietly():
        given = {"columns": columns} if columns is not None else {}
        concrete = pd.get_dummies(shown(data), **options, **given)
    if isinstance(data, Series) and _unknown(data.to_frame(), None) and not drop_first:
        return Dummies(data, None, prefix, prefix_sep)
    if isinstance(data, Series):
        return data.like(concrete, Columns(data.recorder.graph, _indicators(data, drop_first, dtype)))
    for name in [] if columns is None else columns:  # a column of the input that is named so holds texts
        held = data[name]
        if not isinstance(held.concrete.dtype, pd.CategoricalDtype) and held.recorder.origin(held.tensor) is not None:
            held.recorder.need_text(held.tensor, "get_dummies")
    if not drop_first and _unknown(data, columns):
        return Dummies(data, columns, prefix, prefix_sep)
    encoded = columns
    if encoded is None:
        encoded = [name for name in data.columns if not pd.api.types.is_numeric_dtype(data.concrete[name].dtype)]
        if not encoded:
            raise refuse("pandas.get_dummies does nothing here, as no column is known to hold texts", ROWS_HELP)
    kept = [name for name in data.columns if name not in encoded]
    parts = [data.columns_.take([data.places(name)]).parts[0] for name in kept]
    for name in encoded:
        parts += _indicators(data[name], drop_first, dtype)
    return data.like(concrete, Columns(data.recorder.graph, tuple(parts)))


def _unknown(frame: Any, columns: Any) -> bool:
    """Whether some of the columns that become several hold texts of which it is not said what they may be."""
    listed = list(frame.columns) if columns is None else list(columns)
    kinds = [frame.concrete[name].dtype for name in listed]
    return any(not isinstance(kind, pd.CategoricalDtype) and not pd.api.types.is_numeric_dtype(kind) for kind in kinds)


class Dummies:
    """What `get_dummies` makes of texts: a column for each value among the rows, which `reindex` makes known ones."""

    def __init__(self, data: Any, columns: Any, prefix: Any, separator: str) -> None:
        self._data, self._separator = data, separator
        self.refusal = prepared(
            f"pandas.get_dummies of texts makes a column for each value among the rows: {MIXES}", WITH_KNOWN
        )
        self._single = isinstance(data, Series)
        kinds = {} if self._single else dict(data.concrete.dtypes)
        texts = [name for name, kind in kinds.items() if not pd.api.types.is_numeric_dtype(kind)]
        encoded = list(columns) if columns is not None else texts
        if any(name not in texts for name in encoded) or any(
            isinstance(kinds[name], pd.CategoricalDtype) for name in encoded
        ):
            raise refuse("pandas.get_dummies of numbers, or of texts beside categories, is not recorded", WITH_KNOWN)
        if self._single:
            self._prefixes = {None: prefix}
        elif isinstance(prefix, Mapping):
            self._prefixes = {name: prefix[name] for name in encoded}
        else:
            named = encoded if prefix is None else [prefix] * len(encoded) if isinstance(prefix, str) else prefix
            self._prefixes = dict(zip(encoded, named, strict=True))

    def reindex(
        self, labels: Any = None, *, columns: Any = None, axis: Any = None, fill_value: Any = None, **others: Any
    ) -> Any:
        """Known columns, in their order; zeros where no row has that value."""
        only(others)
        wanted = labels if columns is None and axis in (1, "columns") else columns
        if wanted is None or isinstance(fill_value, bool) or fill_value != 0:
            raise refuse("pandas.get_dummies whose columns are not all named, or filled with 0,", WITH_KNOWN)
        made, held = blank(), {name: self._column(name) for name in wanted}
        for name in sorted(
            wanted, key=lambda name: not isinstance(held[name], StandIn)
        ):  # a constant stands beside others
            made[name] = held[name]
        return made[list(wanted)]

    def _column(self, name: Any) -> Any:
        """A column that stays, or where one of the others holds the text behind its prefix: ``a_b_c`` may be two's."""
        if not self._single and name not in self._prefixes and name in self._data.columns:
            return self._data[name]
        made: Any = 0
        for of, prefix in self._prefixes.items():
            start = "" if prefix is None else f"{prefix}{self._separator}"
            if isinstance(name, str) and name.startswith(start):
                found = ((self._data if self._single else self._data[of]) == name[len(start) :]).astype(np.int64)
                made = found if isinstance(made, int) else np.maximum(made, found)
        return made

    def _unnamed(self, *_: Any) -> Any:
        remember(self.refusal)
        raise self.refusal

    __getattr__ = __getitem__ = __setitem__ = __contains__ = __iter__ = _unnamed


def _indicators(series: Any, drop_first: bool, dtype: Any) -> tuple[tuple[Tensor, int], ...]:
    if not isinstance(series.concrete.dtype, pd.CategoricalDtype):
        raise refuse(
            f"pandas.get_dummies of {series.concrete.name!r} makes a column for each value among the rows: {MIXES}",
            "make known categories of it first: astype(pd.CategoricalDtype([...])); or use OneHotEncoder",
        )
    codes = series.columns_.parts[0][0]
    wanted = np.dtype(bool if dtype is None else dtype)
    first = 1 if drop_first else 0
    flags = [codes.equals(code) for code in range(first, len(series.concrete.dtype.categories))]
    return tuple((flag if wanted == np.bool_ else flag.cast(wanted), 1) for flag in flags)


def to_numeric(x: Any, errors: str = "raise", **others: Any) -> Any:
    """Numbers are numbers already."""
    only(others)
    if elements.is_text(x.tensor) and errors == "coerce":
        x.recorder.sample(x.tensor, NUMBERS)
        with quietly():
            concrete = pd.to_numeric(x.concrete, errors="coerce").astype(np.float64)
        return x.made(concrete, texts.number)
    if elements.is_text(x.tensor):
        return x.astype(np.float64)
    return x.like(pd.to_numeric(x.concrete), x.columns_)


def isna(x: Any) -> Any:
    """Where a value is missing."""
    if is_cell(x):
        return x.of(lambda: elements.missing(x.tensor))
    if isinstance(x, Series | Frame) or type(x) is Times:
        return x.isna()
    return x.like(pd.isna(x.concrete), x.recorder.each(elements.missing, x.columns_))


def notna(x: Any) -> Any:
    """Where a value is there."""
    return ~isna(x)


def concat(objects: Any, axis: Any = 0, **keywords: Any) -> Any:
    """Tables of the same rows side by side."""
    if axis not in (1, "columns"):
        raise refuse("pandas.concat puts rows under rows", "axis=1 puts columns beside columns")
    items = list(objects.values()) if isinstance(objects, Mapping) else list(objects)
    if not all(isinstance(item, StandIn) for item in items):
        raise refuse("pandas.concat of rows with a table of its own is not recorded", VECTORISED)
    with quietly():
        concrete = pd.concat([shown(item) for item in items], axis=1, **keywords)
    parts = tuple(part for item in items for part in item.columns_.parts)
    return items[0].like(concrete, Columns(items[0].recorder.graph, parts))


def frame_of(data: Any = None, index: Any = None, columns: Any = None, dtype: Any = None, copy: Any = None) -> Any:
    """A DataFrame of arrays, series, or a dict of such."""
    if data is None and columns is None:
        return blank()
    recorder = recorder_of(data)
    if isinstance(data, Frame):
        made = data.copy() if columns is None else data[list(columns)]
    elif isinstance(data, StandIn):
        given = {} if columns is None or isinstance(data, Series) else {"columns": list(columns)}
        made = recorder.wrap(pd.DataFrame(shown(data), **given), data.columns_)
        if isinstance(data, Series) and columns is not None:
            made.columns = list(columns)
    elif isinstance(data, Mapping):
        made = _of_columns(recorder, data)
        made = made if columns is None else made[list(columns)]
    else:
        raise refuse("a DataFrame of a list of columns is not recorded", "give a dict of columns")
    return made if dtype is None else made.astype(dtype)


def blank() -> Any:
    """A frame of no columns yet, for the rows of the recording that goes on; pandas' own where none does."""
    recorder = CURRENT.get()
    if recorder is None:
        return DATA_FRAME()
    return Frame(recorder, DATA_FRAME(index=recorder.index), Columns(recorder.graph, ()))


def _of_columns(recorder: Any, data: Mapping[Any, Any]) -> Any:
    first = next(name for name, value in data.items() if isinstance(value, StandIn))
    whole = recorder.wrap(pd.DataFrame({first: shown(data[first])}), data[first].columns_)
    for name, value in data.items():
        whole[name] = value
    return whole[list(data)]


def series_of(data: Any = None, index: Any = None, dtype: Any = None, name: Any = None, **others: Any) -> Any:
    """A Series of an array or another series."""
    only(others)
    if not isinstance(data, StandIn):
        raise refuse("a Series of single values is not recorded", VECTORISED)
    made = data.recorder.wrap(pd.Series(shown(data), name=name), data.columns_)
    return made if dtype is None else made.astype(dtype)


def categorical(values: Any, categories: Any = None, ordered: Any = None, dtype: Any = None, **others: Any) -> Any:
    """Known categories, as a series."""
    only(others)
    if dtype is None and categories is None:
        raise refuse(f"pandas.Categorical without categories takes them from the rows: {MIXES}", IN_FIT)
    kind = dtype if dtype is not None else pd.CategoricalDtype(categories, bool(ordered))
    made = values.astype(kind) if isinstance(values, Series) else series_of(values).astype(kind)
    return Listed(made.recorder, made.concrete, made.columns_)


class Listed(Series):
    """What pd.Categorical makes, which has its codes itself."""

    __slots__ = ()

    @property
    def codes(self) -> Any:
        """Positions of the categories as an array; -1 for a missing value."""
        return self.cat.codes.to_numpy()


FUNCTIONS: dict[Any, Any] = {
    pd.concat: concat,
    pd.cut: cut,
    pd.get_dummies: get_dummies,
    pd.isna: isna,
    pd.merge: lambda left, right, *args, **keywords: left.merge(right, *args, **keywords),
    pd.isnull: isna,
    pd.notna: notna,
    pd.notnull: notna,
    pd.qcut: qcut,
    pd.to_numeric: to_numeric,
}
CLASSES: dict[type, Any] = {pd.DataFrame: frame_of, pd.Series: series_of, pd.Categorical: categorical}
_: Sequence[Any] = (alike, Cell)
