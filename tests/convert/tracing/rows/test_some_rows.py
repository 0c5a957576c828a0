"""Some rows that are put back where they came from, and arrays of as many rows as there are that are written into."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from convert.errors import Refused
from convert.graph.graph import Graph
from convert.tracing.recording import columns_of, record_twice
from tests.convert.tracing.rows.test_along_rows import NAMES, assert_recorded, table

ARRAY = table(missing=False)
FRAME = pd.DataFrame(ARRAY, columns=NAMES)


def guarded(x: Any) -> Any:
    return np.divide(x[:, 0], x[:, 1], out=np.zeros_like(x[:, 0]), where=x[:, 1] != 0).reshape(-1, 1)


def guarded_series(df: Any) -> Any:
    each = np.divide(df["a"], df["b"], out=np.zeros(len(df)), where=df["b"] != 0)
    return df.assign(each=each)


def picked(x: Any) -> Any:
    out, known = np.zeros(x.shape[0]), x[:, 1] != 0
    out[known] = x[:, 0][known] / x[:, 1][known]
    return out.reshape(-1, 1)


def picked_cells(x: Any) -> Any:
    out = x.copy()
    out[x > 0] = np.log(x[x > 0])
    out[x[:, 0] < 0, 1] = x[x[:, 0] < 0, 2] * 2
    return out


def picked_rows(df: Any) -> Any:
    df = df.copy()
    known = df["b"] != 0
    df["each"] = 0.0
    df.loc[known, "each"] = df.loc[known, "a"] / df.loc[known, "b"]
    df.loc[df["a"] > 1, "c"] = df["c"][df["a"] > 1].clip(upper=0.5)
    return df


def column_by_column(x: Any) -> Any:
    out = np.empty((x.shape[0], 3))
    out[:, 0] = np.abs(x[:, 0])
    out[:, 1] = x[:, 1] + x[:, 2]
    out[:, 2] = 1
    return out


def by_loop(x: Any) -> Any:
    out = np.zeros((len(x), x.shape[1]), dtype=float)
    for at in range(x.shape[1]):
        out[:, at] = x[:, at] * at
    return np.hstack([out, np.full((len(x), 1), 2.5)])


def haversine(row: Any) -> Any:
    a = math.sin(math.radians(row["a"])) ** 2 + math.cos(row["b"]) * math.atan2(row["c"], 2.0)
    return 2 * math.asin(min(1, math.sqrt(abs(a))))


OF_ARRAYS: dict[str, Callable[[Any], Any]] = {
    name: function
    for name, function in globals().items()
    if name in ("guarded", "picked", "picked_cells", "column_by_column", "by_loop")
}
OF_FRAMES: dict[str, Callable[[Any], Any]] = {
    "guarded": guarded_series,
    "picked": picked_rows,
    "haversine": lambda df: df.apply(haversine, axis=1),
}


@pytest.mark.parametrize("name", OF_ARRAYS)
def test_of_arrays(name: str) -> None:
    assert_recorded(OF_ARRAYS[name], ARRAY)


@pytest.mark.parametrize("name", OF_FRAMES)
def test_of_frames(name: str) -> None:
    assert_recorded(OF_FRAMES[name], FRAME)


@pytest.mark.parametrize(
    "function",
    [
        lambda df: df.loc[df["a"] > 0, ["a"]],
        lambda df: df["a"][df["a"] > 0],
        lambda df: df.assign(a=df["a"] - df.loc[df["b"] > 0, "a"].mean()),
        lambda df: df.assign(a=np.where(df["a"] > 0, 1, df["a"][df["b"] > 0])),
    ],
    ids=["rows", "values", "their mean", "among others"],
)
def test_some_rows_that_go_elsewhere_are_refused(function: Callable[[Any], Any]) -> None:
    graph = Graph()
    with pytest.raises(Refused, match="takes some of the rows") as refusal:
        record_twice(graph, function, FRAME, columns_of(FRAME, graph), function)
    assert "np.where" in refusal.value.remedy
