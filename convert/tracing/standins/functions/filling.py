"""Owns numpy's functions that make a constant for each row. Knows no others."""

from __future__ import annotations

from typing import Any

import numpy as np

from convert.graph.columns import Columns
from convert.tracing.recorder import elements
from convert.tracing.recorder.recorder import CURRENT
from convert.tracing.standins.functions.given import Function, bare
from convert.tracing.standins.row_count import RowCount


def like_it(value: Any) -> Function:
    """zeros_like, ones_like and full_like: a constant for each row."""

    def make(x: Any, *given: Any, **keywords: Any) -> Any:
        told = value if value is not None else given[0] if given else keywords["fill_value"]
        dtype = keywords.get("dtype")
        concrete = np.full_like(bare(x), told, dtype=dtype)
        kind = concrete.dtype
        filled = x.recorder.each(lambda t: elements.constant_like(t, np.asarray(told).astype(kind)), x.columns_)
        return x.recorder.wrap(concrete, filled)

    return make


def filled_rows(own: Function) -> Function:
    """zeros, ones, empty and full: of as many rows as there are, one that can be set as any other."""

    def make(shape: Any, *args: Any, **keywords: Any) -> Any:
        rows = shape[0] if type(shape) is tuple and shape else shape
        recorder = CURRENT.get()
        if type(rows) is not RowCount or recorder is None or recorder.first is None:
            return own(shape, *args, **keywords)
        concrete = (np.zeros if own is np.empty else own)(shape, *args, **keywords)
        if concrete.ndim > 2 or concrete.dtype.kind not in "biuf" or len(concrete) != recorder.rows:
            return concrete
        value = np.ravel(concrete)[:1].reshape(())
        column_of_it = elements.constant_like(recorder.first, value)
        width = 1 if concrete.ndim == 1 else concrete.shape[1]
        return recorder.wrap(concrete, Columns(recorder.graph, ((column_of_it, 1),) * width))

    return make
