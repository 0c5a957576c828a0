"""Owns a column of known categories: codes in the graph, and the values that they stand for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from convert.graph.graph import Tensor
from convert.tracing.recorder import elements
from convert.tracing.recorder.held import coded, column
from convert.tracing.recorder.recorder import quietly
from convert.tracing.recorder.refusals import MIXES, refuse
from convert.tracing.standins.standin import StandIn


def plain(value: Any) -> Any:
    """A series of categories as one of what they stand for."""
    if isinstance(value, StandIn) and isinstance(getattr(value.concrete, "dtype", None), pd.CategoricalDtype):
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


def as_category(series: Any, dtype: pd.CategoricalDtype) -> Any:
    """Known categories; a value that is none of them is missing."""
    if dtype.categories is None:
        raise refuse(f"a dtype of categories without them takes them from the rows: {MIXES}", "name them")
    if all(isinstance(value, str) for value in dtype.categories):
        series._note_keys(list(dtype.categories))
    with quietly():
        concrete = series.concrete.astype(dtype)
    return series.made(concrete, lambda x: coded(x, list(dtype.categories)))
