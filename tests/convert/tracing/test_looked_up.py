"""A function of one value may look it up in sets and dicts, and make texts and numbers of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from convert.errors import Refused
from convert.graph.graph import Graph
from convert.tracing.recording import columns_of, record_twice
from tests.convert.tracing.test_rare_rows import answered
from tests.convert.tracing.test_steps import assert_same

KNOWN = {"a", "b"}
SIZES = {"a": 1, "b": 2, "c": 3}
COUNTED = Counter({"a": 5})
NUMBERS = {1: 10.0, 2: 20.0}
FEW = pd.DataFrame({"word": np.resize(np.array(["a", "b", "c"], object), 40), "n": np.resize([1, 2, 3], 40)})
RARE = pd.DataFrame({"word": np.array(["a", "b", "c", "d", "", None], object), "n": [1, 2, 3, 0, -1, 1]})


class Holder:
    """As an estimator keeps what it learned."""

    def __init__(self) -> None:
        self.names_ = {"word": {"a": 0.5, "c": 0.25}}
        self.rare_ = frozenset(["c"])
        self.means_ = pd.Series({"a": 1.5, "b": 2.5})

    def share(self, value: Any) -> Any:
        return self.names_["word"].get(value, 0.0)

    def shares(self, df: Any) -> Any:
        column = "word"
        return df[column].apply(lambda value: self.names_[column].get(value, -1.0))

    def mean(self, df: Any) -> Any:
        return df["word"].map(lambda value: self.means_.get(value, 0.0) if value not in self.rare_ else -1.0)


def text_of_both(row: Any) -> Any:
    return 1 if row["word"] in {"a", "c"} and row["n"] in (1, 2) else 0


def number_of(code: Any) -> Any:
    sizes = {"a": 1, "b": 2}
    return sizes.get(code, 0) * 2


def long_one(value: Any) -> Any:
    return {
        "a": 1, "b": 2, "c": 3, "e": 4, "f": 5, "g": 6, "h": 7, "i": 8, "j": 9, "k": 10, "l": 11, "m": 12, "n": 13,
        "o": 14, "p": 15, "q": 16, "r": 17, "s": 18, "t": 19, "u": 20,
    }.get(value, 0)  # fmt: skip


FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "set of constants": lambda df: df["word"].apply(lambda value: value in {"a", "b"}),
    "not in a set": lambda df: df["word"].apply(lambda value: "other" if value not in {"a", "b"} else value),
    "global set": lambda df: df["word"].apply(lambda value: 1 if value in KNOWN else 0),
    "global dict": lambda df: df["word"].apply(lambda value: SIZES.get(value, -1)),
    "dict within": lambda df: df["word"].map(number_of),
    "dict of one line": lambda df: df["word"].apply(lambda value: {"a": 1, "b": 2, "c": 3}.get(value, 0)),
    "counter": lambda df: df["word"].apply(lambda value: COUNTED[value]),
    "long dict": lambda df: df["word"].apply(long_one),
    "numbers": lambda df: df["n"].apply(lambda value: {1: 0.5, 2: 0.25}.get(value, 0.0)),
    "global numbers": lambda df: df["n"].apply(lambda value: NUMBERS.get(value, 0.0)),
    "lowered first": lambda df: df["word"].fillna("").apply(lambda value: value.lower() in {"a", "b"}),
    "of rows": lambda df: df.apply(text_of_both, axis=1),
    "text of it": lambda df: df["word"].apply(lambda value: str(value).upper()),
    "number of it": lambda df: df["n"].apply(lambda value: int(value / 2) + float(value)),
    "method": lambda df: df["word"].apply(Holder().share),
    "attribute": Holder().shares,
    "attributes": Holder().mean,
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_value_is_looked_up(name: str) -> None:
    assert_same(answered(FUNCTIONS[name], FEW, RARE), FUNCTIONS[name](RARE))


def test_a_value_that_a_dict_does_not_hold_is_missing() -> None:
    def sizes(df: Any) -> Any:
        return df["word"].apply(lambda value: SIZES[value])

    assert_same(answered(sizes, FEW.assign(word="x"), FEW), sizes(FEW))


def made() -> Any:
    return {name.upper(): 1 for name in ("a", "b")}


@pytest.mark.parametrize(
    ("function", "reason", "remedy"),
    [
        (lambda value: made().get(value, 0), "in what recording does not see", "Series.map(dict)"),
        (lambda value: value in {name.upper() for name in KNOWN}, "makes the set or dict itself", "outside"),
    ],
)
def test_what_is_looked_up_elsewhere_is_refused(function: Callable[[Any], Any], reason: str, remedy: str) -> None:
    def look_up(df: Any) -> Any:
        return df["word"].apply(function)

    graph = Graph()
    with pytest.raises(Refused, match=reason) as refusal:
        record_twice(graph, look_up, FEW, columns_of(FEW, graph), look_up)
    assert remedy in refusal.value.remedy
