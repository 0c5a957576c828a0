"""Owns get_dummies of stand-ins: a column for each known category, and what waits for a person to name them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from convert.graph.columns import Columns
from convert.graph.graph import Tensor
from convert.tracing.recorder.recorder import quietly
from convert.tracing.recorder.refusals import MIXES, RECORDED, only, prepared, refuse, remember
from convert.tracing.standins.pandas_constructors import blank
from convert.tracing.standins.series.series import Series
from convert.tracing.standins.standin import StandIn, shown

WITH_KNOWN = (
    "name them: pd.get_dummies(df).reindex(columns=self.columns_, fill_value=0), or astype(pd.CategoricalDtype([...]))"
    " before; or use OneHotEncoder"
)
ROWS_HELP = "give rows of yours: --data ROWS.csv; or name them: pd.get_dummies(df, columns=[...])"


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
