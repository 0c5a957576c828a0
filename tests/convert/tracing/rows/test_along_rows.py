"""What looks at several columns of a row is recorded as numpy and pandas answer it, missing numbers included."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from convert.errors import Refused
from convert.graph.graph import Graph
from convert.tracing.recording import columns_of, record_twice
from server.artefact.runtime import Runtime

NAMES = ["a", "b", "c", "d"]
pytestmark = pytest.mark.filterwarnings("ignore")


def table(missing: bool = True) -> Any:
    """Four columns in which numbers come again, some of them missing."""
    random = np.random.default_rng(1)
    x = random.integers(-3, 4, (60, 4)) / 2
    x[random.random(x.shape) < 0.2] = np.nan if missing else 0.5
    x[0], x[1] = (np.nan if missing else 7.0), [0.0, 0.0, 0.0, 0.0]
    return x


def assert_recorded(function: Callable[[Any], Any], rows: Any) -> None:
    """The graph of a function answers as the function does."""
    graph = Graph()
    made = record_twice(graph, function, rows, columns_of(rows, graph), function)
    numbers = graph.concat([tensor.cast(np.float64) for tensor, _ in made.parts])
    runtime = Runtime(graph.finish({"y": numbers}, {"y": (made.width,)}).SerializeToString())
    values = np.asarray(rows, np.float64)
    feed = {node.name: values[:, [int(node.name[1:])]].astype(node.dtype) for node in runtime.inputs}
    (got,) = runtime.run(["y"], feed)
    expected = np.asarray(function(rows), np.float64).reshape(len(rows), -1)
    np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-12)


OF_FRAMES: dict[str, Callable[[Any], Any]] = {
    "cumsum": lambda df: df.cumsum(axis=1),
    "cumsum, missing ones kept": lambda df: df.cumsum(axis=1, skipna=False),
    "cumprod": lambda df: df.cumprod(axis=1),
    "cummax": lambda df: df.cummax(axis=1),
    "cummin": lambda df: df.cummin(axis="columns"),
    "median": lambda df: df.median(axis=1),
    "median, missing ones kept": lambda df: df.median(axis=1, skipna=False),
    "quantile": lambda df: df.quantile(0.3, axis=1),
    "rank": lambda df: df.rank(axis=1),
    "rank pct": lambda df: df.rank(axis=1, pct=True),
    "rank downwards": lambda df: df.rank(axis=1, method="min", ascending=False),
    "rank max": lambda df: df.rank(axis=1, method="max"),
    "rank first": lambda df: df.rank(axis=1, method="first"),
    "rank dense": lambda df: df.rank(axis=1, method="dense", pct=True),
    "diff": lambda df: df.diff(axis=1).fillna(0),
    "shift": lambda df: df.shift(1, axis=1, fill_value=0),
    "pct_change": lambda df: df.pct_change(axis=1, fill_method=None),
    "ffill": lambda df: df.ffill(axis=1).bfill(axis=1),
    "sem": lambda df: df.sem(axis=1),
    "nunique": lambda df: df.nunique(axis=1),
    "idxmax": lambda df: df.fillna(0).idxmax(axis=1).map({"a": 0, "b": 1, "c": 2, "d": 3}),
    "idxmin": lambda df: (df.fillna(0).idxmin(axis=1) == "b").astype(int),
    "rolling": lambda df: df.T.rolling(2).mean().T,
    "rolling with fewer": lambda df: df.T.rolling(3, min_periods=1).max().T,
    "shares of a row": lambda df: (df.T / df.sum(axis=1)).T,
    "centred rows": lambda df: df.sub(df.mean(axis=1), axis=0),
    "turned totals": lambda df: df.T.cumsum().T,
    "turned means": lambda df: df.T.mean(),
}
OF_ARRAYS: dict[str, Callable[[Any], Any]] = {
    "cumsum": lambda x: np.cumsum(x, axis=1),
    "nancumsum": lambda x: np.nancumsum(x, axis=1),
    "method": lambda x: x.cumprod(axis=1),
    "median": lambda x: np.median(x, axis=1),
    "nanmedian": lambda x: np.nanmedian(x, axis=1, keepdims=True),
    "percentile": lambda x: np.percentile(x, 75, axis=1),
    "quantiles": lambda x: np.nanquantile(x, [0.25, 0.75], axis=1).T,
    "diff": lambda x: np.diff(x, axis=1),
    "sort": lambda x: np.sort(x, axis=1),
    "argsort": lambda x: np.argsort(x, axis=1, kind="stable"),
    "argmin": lambda x: np.argmin(x, axis=1).reshape(-1, 1),
    "ptp": lambda x: np.ptp(x, axis=1),
    "average": lambda x: np.average(x, axis=1, weights=[1, 2, 3, 4]),
    "count_nonzero": lambda x: np.count_nonzero(x, axis=1),
    "flip": lambda x: np.flip(x, axis=1),
    "shares of a row": lambda x: (x.T / np.abs(x).sum(axis=1)).T,
    "vstack": lambda x: np.vstack([x[:, 0], x[:, 1] * 2]).T,
}


@pytest.mark.parametrize("name", OF_FRAMES)
@pytest.mark.parametrize("missing", [True, False])
def test_a_frame_along_its_columns(name: str, missing: bool) -> None:
    assert_recorded(OF_FRAMES[name], pd.DataFrame(table(missing), columns=NAMES))


@pytest.mark.parametrize("name", OF_ARRAYS)
@pytest.mark.parametrize("missing", [True, False])
def test_an_array_along_its_columns(name: str, missing: bool) -> None:
    assert_recorded(OF_ARRAYS[name], table(missing))


@pytest.mark.parametrize(
    "function", [lambda df: df.cumsum(), lambda df: df.median(), lambda df: df.rank(), lambda df: df.shift(1)]
)
def test_along_the_rows_it_is_refused_and_the_other_axis_named(function: Callable[[Any], Any]) -> None:
    rows, graph = pd.DataFrame(table(), columns=NAMES), Graph()
    with pytest.raises(Refused, match="computes over the rows") as refusal:
        record_twice(graph, function, rows, columns_of(rows, graph), function)
    assert "axis=1" in refusal.value.remedy
