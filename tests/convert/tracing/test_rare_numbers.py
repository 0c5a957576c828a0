"""Numbers at their edges in own code: what is recorded answers there as numpy and pandas do, or it is refused."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from convert.errors import Refused
from convert.graph.graph import Graph
from convert.tracing.recording import columns_of, record_twice
from tests.convert.tracing.test_rare_rows import FEW, answered
from tests.convert.tracing.test_steps import assert_same

Function = Callable[[Any], Any]
LEAST = np.iinfo(np.int64).min
WHOLE = np.array([[-7, 3], [25, -5], [40, 2], [5, 4], [15, 7], [-35, 6], [3, 1]] * 6)
FLOATS = np.stack([np.linspace(-2, 2, 40), np.linspace(3, -3, 40)], axis=1)
RARE_WHOLE = np.array([(a, b) for a in (LEAST, -(2**31), -25, -15, 0, 2**31, 2**62) for b in (-3, -1, 0, 2, 2**40)])
ENDS = (-np.inf, -1e200, -1.0, -0.0, 0.0, 1e-320, 2.5, 1e200, np.inf, np.nan)
RARE_FLOATS = np.array([(a, b) for a in ENDS for b in ENDS])


def some_rows(x: Any) -> Any:
    x = x.copy()
    x[x[:, 0] > 1e18] = np.array([9])
    return x[:, 1]


OF_WHOLE: dict[str, Function] = {
    "floor division": lambda x: x[:, 0] // x[:, 1],
    "remainder": lambda x: x[:, 0] % x[:, 1],
    "fmod": lambda x: np.fmod(x[:, 0], x[:, 1]),
    "by minus one": lambda x: (x // -1)[:, 0],
    "round to tens": lambda x: x.round(-1)[:, 0] % 1000,
    "cube": lambda x: (x**3)[:, 0],
    "product": lambda x: x.prod(axis=1),
    "norm": lambda x: np.linalg.norm(x, axis=1),
    "inserted": lambda x: np.insert(x, 1, 7.5, axis=1)[:, 1],
    "deleted": lambda x: np.delete(x, 0, axis=1)[:, 0],
    "negative bytes": lambda x: (-x.astype(np.uint8))[:, 0],
    "by strong floats": lambda x: x[:, 0].astype(np.float32) * np.float64(1.1),
    "some rows": some_rows,
}
OF_FLOATS: dict[str, Function] = {
    "hypot": lambda x: np.hypot(x[:, 0], x[:, 1]),
    "arctan2": lambda x: np.arctan2(x[:, 0], x[:, 1]),
    "arcsinh": lambda x: np.arcsinh(x)[:, 0],
    "logaddexp": lambda x: np.logaddexp(x[:, 0], x[:, 1]),
    "root": lambda x: (x**0.5)[:, 0],
}


@pytest.mark.parametrize("name", OF_WHOLE)
@pytest.mark.filterwarnings("ignore")
def test_whole_numbers_are_as_numpy_has_them(name: str) -> None:
    function = OF_WHOLE[name]
    assert_same(answered(function, WHOLE, RARE_WHOLE), function(RARE_WHOLE))


@pytest.mark.parametrize("name", OF_FLOATS)
@pytest.mark.filterwarnings("ignore")
def test_floats_are_as_numpy_has_them(name: str) -> None:
    function = OF_FLOATS[name]
    assert_same(answered(function, FLOATS, RARE_FLOATS), function(RARE_FLOATS))


KNOWN = pd.CategoricalDtype(["a", "b"])
TABLE = FEW.assign(m=np.linspace(2, -2, 40), k=np.resize([2, 3, 5], 40))
RARE = pd.DataFrame(
    {
        "word": np.array(["", "a", "b", "a-x"], object),
        "n": [1.5, -3.0, np.nan, 0.0],
        "m": [0.0, 1.0, np.nan, np.nan],
        "k": [3, 0, -7, 4],
    }
)
OF_TABLES: dict[str, Function] = {
    "whole by zero": lambda df: df["k"] // (df["k"] - 3),
    "remainder by zero": lambda df: df["k"] % (df["k"] - 3),
    "one by zero": lambda df: 1 // df["k"],
    "all by zero": lambda df: df[["k"]] // df[["k"]],
    "limits turned round": lambda df: df["n"].clip(2, 1),
    "frame of limits turned round": lambda df: df[["n"]].clip(2, 1),
    "lower limits of columns": lambda df: df[["n", "m"]].clip(lower=pd.Series({"n": 1, "m": 0}), axis=1),
    "default of a dict": lambda df: df["word"].map(defaultdict(lambda: -1, {"a": 1})),
    "default of a count": lambda df: df["word"].map(Counter("aab")),
    "any of missing": lambda df: df[["n", "m"]].any(axis=1),
    "sum of booleans": lambda df: df[["n", "m"]].assign(b=df["n"] > 1).sum(axis=1, numeric_only=True),
    "edges twice": lambda df: pd.cut(df["n"], [-4, 0, 0, 2], labels=False, duplicates="drop"),
    "missing replaced": lambda df: df["n"].replace(np.nan, 5),
    "categories looked up": lambda df: df["word"].astype(KNOWN).map({"a": 1, "b": 2}),
    "categories filled": lambda df: df["word"].astype(KNOWN).fillna("b").cat.codes,
    "equal to nothing": lambda df: df["n"] == None,  # noqa: E711  as people write it
    "given types": lambda df: np.vectorize(lambda x: x / 2 if x > 0 else 0, otypes=[float])(df["k"]),
    "cut off": lambda df: np.vectorize(lambda x: x / 2, otypes=[int])(df["k"]),
}


@pytest.mark.parametrize("name", OF_TABLES)
@pytest.mark.filterwarnings("ignore")
def test_tables_are_as_pandas_has_them(name: str) -> None:
    function = OF_TABLES[name]
    assert_same(answered(function, TABLE, RARE), np.asarray(function(RARE)).reshape(len(RARE), -1)[:, 0])


def rows_of_several(x: Any) -> Any:
    x = x.copy()
    x[x[:, 0] > 1e6] = [1, 2]
    return x


def columns_of_some_rows(x: Any) -> Any:
    x = x.copy()
    x[x[:, 0] > 1e6, [0, 1]] = 0
    return x


REFUSED: dict[str, tuple[Function, str]] = {
    "float16": (lambda x: x.astype(np.float16) + 1, "float16"),
    "power of columns": (lambda x: x.astype(int)[:, 0] ** abs(x.astype(int)[:, 1]), "power of whole numbers"),
    "rows of several": (rows_of_several, "values of other columns"),
    "columns of some rows": (columns_of_some_rows, "several columns of some rows"),
}
REFUSED_OF_TABLES: dict[str, tuple[Function, str]] = {
    "booleans among numbers": (lambda df: df["n"].map({True: 1, False: 0}), "booleans up among numbers"),
    "numbers among booleans": (lambda df: (df["n"] > 1).replace({1: 5}), "booleans up among numbers"),
    "missing passed by": (lambda df: df["n"].map(lambda x: x + 1, na_action="ignore"), "na_action="),
    "missing of frames": (lambda df: df[["n"]].map(lambda x: x + 1, na_action="ignore"), "na_action="),
    "another order": (lambda df: df[["n", "m"]] - pd.Series({"m": 1, "n": 2}), "another order"),
    "round to tens": (lambda df: df["n"].apply(lambda x: round(x, -1)), "round to tens"),
}


@pytest.mark.parametrize("name", [*REFUSED, *REFUSED_OF_TABLES])
@pytest.mark.filterwarnings("ignore")
def test_what_rare_rows_would_answer_otherwise_is_refused(name: str) -> None:
    function, reason = (REFUSED | REFUSED_OF_TABLES)[name]
    table = TABLE if name in REFUSED_OF_TABLES else FLOATS
    graph = Graph()
    with pytest.raises(Refused, match=reason):
        record_twice(graph, function, table, columns_of(table, graph), function)
