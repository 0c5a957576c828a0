"""Whole numbers that no double holds: own code that compares them is recorded as numpy and pandas do it, or refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from convert.errors import Refused
from tests.convert.tracing.test_rare_rows import answered

EDGE = 2**53
FEW = pd.DataFrame({"n": np.arange(40) * 3 - 20, "m": np.arange(40) % 5})
RARE = pd.DataFrame({"n": EDGE + np.arange(-3, 9), "m": EDGE + np.arange(9, -3, -1)})
EDGES = [0, EDGE - 1, EDGE + 1, EDGE + 2, EDGE + 5]

CODE: dict[str, Callable[[Any], Any]] = {
    "digitize": lambda x: pd.DataFrame({"y": np.digitize(x["n"].to_numpy(), EDGES)}),
    "digitize, right": lambda x: pd.DataFrame({"y": np.digitize(x["n"].to_numpy(), EDGES, right=True)}),
    "digitize by doubles": lambda x: pd.DataFrame({"y": np.digitize(x["n"].to_numpy(), np.array(EDGES, float))}),
    "searchsorted": lambda x: pd.DataFrame({"y": np.searchsorted(EDGES, x["n"].to_numpy())}),
    "cut": lambda x: pd.cut(x["n"], EDGES, labels=False).to_frame(),
    "cut, left": lambda x: pd.cut(x["n"], EDGES, labels=False, right=False).to_frame(),
    "cut, lowest": lambda x: pd.cut(x["n"], EDGES[1:], labels=False, include_lowest=True).to_frame(),
    "isin": lambda x: x["n"].isin([EDGE + 1, EDGE + 3]).astype(int).to_frame(),
    "numpy's isin": lambda x: pd.DataFrame({"y": np.isin(x["n"].to_numpy(), [EDGE + 1, EDGE + 3]).astype(int)}),
    "between": lambda x: x["n"].between(EDGE + 1, EDGE + 3).astype(int).to_frame(),
    "equals": lambda x: (x["n"] == EDGE + 1).astype(int).to_frame(),
    "above a whole number": lambda x: (x["n"] > EDGE + 1).astype(int).to_frame(),
    "above a double": lambda x: (x["n"] > float(EDGE + 2)).astype(int).to_frame(),
    "above a column": lambda x: (x["n"] > x["m"]).astype(int).to_frame(),
    "map": lambda x: x["n"].map({EDGE + 1: 1.0, EDGE + 2: 2.0}).fillna(0.0).to_frame(),
    "replace": lambda x: x["n"].replace({EDGE + 1: 1, EDGE + 2: 2}).to_frame(),
    "clip": lambda x: x["n"].clip(EDGE + 1, EDGE + 3).to_frame(),
    "numpy's clip": lambda x: pd.DataFrame({"y": np.clip(x["n"].to_numpy(), EDGE + 1, EDGE + 3)}),
    "where": lambda x: x["n"].where(x["n"] != EDGE + 1, 0).to_frame(),
    "largest": lambda x: x[["n", "m"]].max(axis=1).to_frame(),
    "smallest": lambda x: pd.DataFrame({"y": np.minimum(x["n"].to_numpy(), x["m"].to_numpy())}),
    "sum": lambda x: x[["n", "m"]].sum(axis=1).to_frame(),
    "half": lambda x: (x["n"] // 2).to_frame(),
    "remainder": lambda x: (x["n"] % 7).to_frame(),
    "size": lambda x: (-x["n"]).abs().to_frame(),
    "round": lambda x: x["n"].round(-1).to_frame(),
    "cell by cell": lambda x: x["n"].apply(lambda n: 1 if n == EDGE + 1 else 0).to_frame(),
    "choice": lambda x: pd.DataFrame({"y": np.select([x["n"] > EDGE + 1, x["n"] > EDGE], [x["n"], x["m"]], 0)}),
}


@pytest.mark.parametrize("name", CODE)
def test_whole_numbers_that_no_double_holds_are_compared_as_they_are(name: str) -> None:
    try:
        got = answered(CODE[name], FEW, RARE)
    except Refused:
        return  # named, rather than wrong
    expected = np.asarray(CODE[name](RARE)).reshape(-1)
    np.testing.assert_array_equal(got.astype(np.float64), expected.astype(np.float64))
    if got.dtype.kind == expected.dtype.kind == "i":
        assert got.tolist() == expected.tolist()
