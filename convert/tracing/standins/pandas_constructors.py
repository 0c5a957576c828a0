"""Owns what pandas' classes make when they are given stand-ins: DataFrame, Series, Categorical."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from convert.graph.columns import Columns
from convert.tracing.recorder.recorder import CURRENT
from convert.tracing.recorder.refusals import IN_FIT, MIXES, VECTORISED, only, refuse
from convert.tracing.standins.frames import DATA_FRAME, Frame
from convert.tracing.standins.functions.given import recorder_of
from convert.tracing.standins.series.series import Series
from convert.tracing.standins.standin import StandIn, shown


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


CLASSES: dict[type, Any] = {pd.DataFrame: frame_of, pd.Series: series_of, pd.Categorical: categorical}
