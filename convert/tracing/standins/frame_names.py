"""Owns which columns of a DataFrame are taken, in which order and under which names, as stand-ins; changes no value."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from convert.tracing.recorder.refusals import only, refuse
from convert.tracing.standins.frame_values import FrameValues


class FrameNames(FrameValues):
    """The part of a frame's stand-in that looks at names of columns alone."""

    __slots__ = ()

    def drop(
        self: Any, labels: Any = None, axis: Any = 0, columns: Any = None, inplace: bool = False, **keywords: Any
    ) -> Any:
        """Without some columns."""
        wanted = columns if columns is not None else labels
        if wanted is None or (columns is None and axis not in (1, "columns")) or keywords.get("index") is not None:
            raise refuse("DataFrame.drop takes rows away", "drop(columns=[...]) takes columns")
        if keywords.get("errors") != "ignore":
            self.places(list(wanted) if isinstance(wanted, list | tuple | set | pd.Index | np.ndarray) else [wanted])
        concrete = self.concrete.drop(columns=wanted, errors="ignore")
        made = self.at([at for at, name in enumerate(self.concrete.columns) if name in set(concrete.columns)])
        return self._become(made) if inplace else made

    def rename(
        self: Any, mapper: Any = None, columns: Any = None, axis: Any = 0, inplace: bool = False, **others: Any
    ) -> Any:
        """Columns under other names."""
        only(others)
        if columns is None and axis not in (1, "columns"):
            raise refuse("DataFrame.rename renames rows", "rename(columns={...})")
        made = self.like(self.concrete.rename(columns=columns if columns is not None else mapper), self.columns_)
        return self._become(made) if inplace else made

    def reindex(self: Any, labels: Any = None, columns: Any = None, fill_value: Any = np.nan, **others: Any) -> Any:
        """These columns in this order; those that are not there hold one constant."""
        only(others)
        if columns is None:
            raise refuse("DataFrame.reindex chooses rows", "reindex(columns=[...])")
        whole = self.copy()
        for name in columns:
            if name not in whole.concrete.columns:
                whole[name] = fill_value
        return whole[list(columns)]

    def select_dtypes(self: Any, include: Any = None, exclude: Any = None) -> Any:
        """Columns by what they hold."""
        return self[list(self.concrete.select_dtypes(include, exclude).columns)]

    def filter(self: Any, items: Any = None, like: Any = None, regex: Any = None, axis: Any = None) -> Any:
        """Columns by their names."""
        return self[list(self.concrete.filter(items=items, like=like, regex=regex, axis=1).columns)]

    def add_prefix(self: Any, prefix: str, **others: Any) -> Any:
        """Longer names."""
        only(others)
        return self.like(self.concrete.add_prefix(prefix), self.columns_)

    def add_suffix(self: Any, suffix: str, **others: Any) -> Any:
        """Longer names."""
        only(others)
        return self.like(self.concrete.add_suffix(suffix), self.columns_)

    def set_axis(self: Any, labels: Any, axis: Any = 0, **others: Any) -> Any:
        """Columns under other names."""
        only(others)
        return self.like(self.concrete.set_axis(labels, axis=axis), self.columns_)
