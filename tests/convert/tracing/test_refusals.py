"""What cannot be recorded is refused by name, with the line that did it and what helps."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from convert.errors import Refused
from convert.graph.graph import Graph
from convert.tracing.recording import columns_of, record_twice

TABLE = pd.DataFrame({"a": np.linspace(-1, 1, 40), "b": np.arange(40) % 7, "word": ["x", "y"] * 20})
MIXES = "computes over the rows"
DECIDES = "decides by the values of rows"


def refusal(function: Callable[[Any], Any], table: Any = TABLE) -> Refused:
    """How the recording of a function is refused."""
    graph = Graph()
    with pytest.raises(Refused) as caught:
        record_twice(graph, function, table, columns_of(table, graph), function)
    return caught.value


def branching(df: Any) -> Any:
    if df["a"] > 0:  # the line
        return df
    return df * 2


def by_a_mean(df: Any) -> Any:
    return df["a"] - df["a"].mean()


def by_rows(df: Any) -> Any:
    return pd.DataFrame([row["a"] for _, row in df.iterrows()])


def by_labels(df: Any) -> Any:
    return np.array([{0: "no", 1: "yes"}[value] for value in df["b"].to_numpy()])


def by_count(df: Any) -> Any:
    return df if len(df) > 10 else df * 2


def by_text_of_count(df: Any) -> Any:
    return df if len(f"{len(df)}") < 3 else df * 2


def first_rows(df: Any) -> Any:
    return df.head(3)


def selected(df: Any) -> Any:
    return df[df["a"] > 0]


def numpy_random(df: Any) -> Any:
    return df[["a"]] + np.random.normal()


def python_random(df: Any) -> Any:
    return df[["a"]] + random.random()


def by_time(df: Any) -> Any:
    return df[["a"]] + time.time()


def by_file(df: Any) -> Any:
    return df.join(pd.read_csv("/nowhere/reference.csv"))


def by_group(df: Any) -> Any:
    return df.groupby("b")["a"].transform("mean")


def quantiles(df: Any) -> Any:
    return pd.qcut(df["a"], 4, labels=False)


def own_edges(df: Any) -> Any:
    return pd.cut(df["a"], 4, labels=False)


def own_categories(df: Any) -> Any:
    return pd.get_dummies(df["word"])


def by_dates(df: Any) -> Any:
    return pd.to_datetime(df["word"]).dt.year


def unknown_expression(df: Any) -> Any:
    return df["word"].str.contains(r"(?<=a)\w+")


def numbering(df: Any) -> Any:
    return df.assign(n=np.arange(len(df)))


def by_index(df: Any) -> Any:
    return df.assign(n=df.index)


def begun_with_a_constant(df: Any) -> Any:
    out = pd.DataFrame()
    out["one"] = 1.0
    out["a"] = df["a"]
    return out


def into_numbers(df: Any) -> Any:
    return float(df["a"])


@pytest.mark.parametrize(
    ("function", "reason", "remedy"),
    [
        (branching, DECIDES, "np.where"),
        (by_a_mean, MIXES, "self.something_"),
        (by_rows, "goes through the rows one by one", "whole columns"),
        (by_labels, "goes through the rows one by one", "pd.Series(values).map(names).to_numpy()"),
        (by_count, "decides by the number of rows", "any number of rows"),
        (by_text_of_count, "decides by the number of rows", "any number of rows"),
        (first_rows, MIXES, "in fit"),
        (selected, "takes some of the rows", "np.where"),
        (numpy_random, "draws random numbers", "in fit"),
        (python_random, "draws random numbers", "in fit"),
        (by_time, "asks for the time", "column"),
        (by_file, "reads or writes a file", "in fit"),
        (by_group, MIXES, "in fit"),
        (quantiles, MIXES, "edges"),
        (own_edges, MIXES, "edges"),
        (own_categories, MIXES, "CategoricalDtype"),
        (by_dates, "takes column 2 for dates", "one of dates"),
        (unknown_expression, "regular expression", "docs/convert.md"),
        (numbering, "the number of rows", "any number of rows"),
        (by_index, "a value of its own for each row", "that row alone"),
        (into_numbers, "one number of a column", "whole columns"),
        (begun_with_a_constant, "no column of the rows", "out['a'] = df['a']"),
    ],
)
def test_what_cannot_be_recorded_is_refused(function: Callable[[Any], Any], reason: str, remedy: str) -> None:
    refused = refusal(function)
    assert reason in refused.reason
    assert remedy in refused.remedy


def test_a_refusal_names_the_line_and_shows_it() -> None:
    line = branching.__code__.co_firstlineno + 1
    assert f'in branching, test_refusals.py, line {line}: if df["a"] > 0:  # the line' in refusal(branching).reason


def test_code_without_its_text_is_named_by_its_cell() -> None:
    namespace: dict[str, Any] = {}
    source = "def decide(df):\n    return df if df['a'] > 0 else -df\n"
    exec(compile(source, "/tmp/ipykernel_7/123.py", "exec"), namespace)  # noqa: S102, S108  as a notebook's kernel does
    assert "in decide, its notebook cell, line 2)" in refusal(namespace["decide"]).reason


def test_an_error_of_the_code_itself_is_told_with_its_line() -> None:
    def wrong(df: Any) -> Any:
        return df["a"].nothing_like_this

    assert "AttributeError" in refusal(wrong).reason
    assert "nothing_like_this" in refusal(wrong).reason


def test_numpy_and_pandas_are_as_before_afterwards() -> None:
    before = (np.asarray, np.c_, pd.DataFrame, pd.cut, np.random.normal, random.random)
    refusal(branching)
    assert all(
        one is other
        for one, other in zip(
            before, (np.asarray, np.c_, pd.DataFrame, pd.cut, np.random.normal, random.random), strict=True
        )
    )
    assert "len" not in globals()
