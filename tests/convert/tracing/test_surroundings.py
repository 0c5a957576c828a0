"""What own code asks of its surroundings while it is recorded would stand in the graph for ever, so it is refused."""

from __future__ import annotations

import datetime
import os
import platform
import random
import secrets
import socket
import subprocess
import time
import uuid
import warnings
from os import environ
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.preprocessing import FunctionTransformer

from convert.errors import Refused
from convert.exporters.registry import Exporter
from convert.graph.graph import Graph
from convert.tracing.recording import columns_of, record_twice
from convert.tracing.steps import Traced, what_changes

TABLE = pd.DataFrame({"a": np.linspace(-2, 2, 40), "b": np.linspace(3, 1, 40)})
CALLS = 0
SEEN: list[int] = []
NOTHING = float("nan")


def inner() -> Any:
    return np.datetime64("today")


def by_rare_counts(df: Any, count: Any) -> Any:
    return df["a"] * (2 if count > 5000 else 1)


def strictly(df: Any) -> Any:
    warnings.simplefilter("error")
    return np.log(df["a"])


def listed(path: str) -> Any:
    return list(Path(path).iterdir())


ASKING = {
    "numpy's moment": (lambda df: df["a"] + np.datetime64("now").astype(int), "asks for the time"),
    "numpy's moment elsewhere": (lambda df: df["a"] + inner().astype(int), "asks for the time"),
    "moment": (lambda df: df["a"] + datetime.datetime.now().year, "asks for the time"),  # noqa: DTZ005
    "period": (lambda df: df["a"] + pd.Period.now("D").year, "asks for the time"),
    "stopwatch": (lambda df: df["a"] * (2 if time.perf_counter() < 0 else 1), "asks for the time"),
    "monotonic": (lambda df: df["a"] * (2 if time.monotonic() < 0 else 1), "asks for the time"),
    "environ": (lambda df: df["a"] * float(os.environ.get("FACTOR", "1")), "environment"),
    "environ by name": (lambda df: df["a"] * (2 if "FACTOR" in environ else 1), "environment"),
    "getenv": (lambda df: df["a"] * float(os.getenv("FACTOR", "1")), "getenv"),
    "process": (lambda df: df["a"] * (2 if os.getpid() < 0 else 1), "getpid"),
    "machine": (lambda df: df["a"] * (2 if platform.node() == "x" else 1), "node"),
    "host": (lambda df: df["a"] * (2 if socket.gethostname() == "x" else 1), "gethostname"),
    "dice": (lambda df: df["a"] * (2 if random.random() < 0 else 1), "random numbers"),
    "generator": (lambda df: df["a"] * (2 if np.random.RandomState().rand() < 0 else 1), "random numbers"),
    "own generator": (lambda df: df["a"] * (2 if random.Random().random() < 0 else 1), "random numbers"),
    "secret": (lambda df: df["a"] * (2 if secrets.randbelow(9) < 0 else 1), "random numbers"),
    "identity": (lambda df: df["a"] * (2 if uuid.uuid4().int < 0 else 1), "random numbers"),
    "bytes": (lambda df: df["a"] * (2 if os.urandom(1) == b"" else 1), "random numbers"),
    "a file": (lambda df: df["a"] * float(Path(__file__).read_text()[0]), "reads or writes a file"),
    "a table": (lambda df: df["a"] + pd.read_csv(__file__).shape[0], "reads or writes a file"),
    "an array": (lambda df: df["a"] + np.load(__file__), "reads or writes a file"),
    "a folder": (lambda df: df["a"] * (2 if len(listed("/")) > 99 else 1), "reads or writes a file"),
    "a program": (lambda df: df["a"] * subprocess.call(["true"]), "reads or writes a file"),
    "strict numbers": (lambda df: np.errstate(divide="raise") and df["a"], "makes errors"),
    "strict warnings": (strictly, "makes errors"),
    "count as int": (lambda df: by_rare_counts(df, int(len(df))), "the number of rows"),  # noqa: RUF046
    "count as float": (lambda df: by_rare_counts(df, float(df.shape[0])), "the number of rows"),
    "count by numpy": (lambda df: by_rare_counts(df, np.sqrt(len(df))), "the number of rows"),
    "count rounded": (lambda df: by_rare_counts(df, round(len(df))), "the number of rows"),
    "count of bits": (lambda df: by_rare_counts(df, len(df).bit_length()), "the number of rows"),
    "count in a set": (lambda df: by_rare_counts(df, 1 if len(df) in {5001} else 0), "the number of rows"),
    "rows as text": (lambda df: df["a"] * (2 if "1e+200" in str(df) else 1), "a text of its rows"),
    "rows in a text": (lambda df: df["a"] * (2 if "1e+200" in f"{df['a']}" else 1), "a text of its rows"),
}  # fmt: skip


@pytest.mark.parametrize("name", ASKING)
def test_what_would_stand_still_is_refused_by_name(name: str) -> None:
    function, reason = ASKING[name]
    graph = Graph()
    with pytest.raises(Refused) as caught:
        record_twice(graph, function, TABLE, columns_of(TABLE, graph), function)
    assert reason in caught.value.reason


def seeded(df: Any) -> Any:
    weights = np.random.RandomState(3).rand(2)
    moment = np.datetime64("2026-11-30")
    return df["a"] * weights[0] + moment.astype(int) + time.struct_time(range(9)).tm_year


def test_what_is_the_same_each_time_is_recorded_and_all_is_put_back() -> None:
    before = [os.environ, time.time, np.random.RandomState, warnings.simplefilter, os.getenv]
    graph = Graph()
    assert record_twice(graph, seeded, TABLE, columns_of(TABLE, graph), seeded).width == 1
    assert before == [os.environ, time.time, np.random.RandomState, warnings.simplefilter, os.getenv]
    assert Path(__file__).read_text()


class Counting(TransformerMixin, BaseEstimator):  # type: ignore[misc,unused-ignore]
    """Answers otherwise from its five thousandth call on."""

    def __init__(self) -> None:
        self.calls, self.names = 0, list[str]()

    def fit(self, x: Any, y: Any = None) -> Counting:
        return self

    def transform(self, x: Any) -> Any:
        self.calls += 1
        self.names = list(x.columns)
        return x * (2 if self.calls > 5000 else 1)


class Naming(Counting):
    """Keeps what is the same each time."""

    def transform(self, x: Any) -> Any:
        self.names, self.width = list(x.columns), x.shape[1]
        return x * 2


def counted(df: Any) -> Any:
    global CALLS
    CALLS += 1
    return df * (2 if CALLS > 5000 else 1)


def collected(df: Any) -> Any:
    SEEN.append(1)
    return df * (2 if len(SEEN) > 5000 else 1)


@pytest.mark.parametrize(
    ("step", "name"),
    [
        (Counting(), "self.calls"),
        (FunctionTransformer(counted), "the global CALLS"),
        (FunctionTransformer(collected), "the global SEEN"),
    ],
    ids=["attribute", "global", "list"],
)
def test_what_counts_its_calls_is_refused(step: Any, name: str) -> None:
    graph = Graph()
    with pytest.raises(Refused, match=name):
        Traced({id(step): TABLE}).transform(Exporter(graph), step, columns_of(TABLE, graph))


def test_a_global_is_looked_at_in_every_module_that_has_one_of_its_name() -> None:
    other: dict[str, Any] = {"__name__": "other", "SEEN": [1, 2]}
    exec(compile("def uses(df): return df", "other.py", "exec"), other)  # noqa: S102  as a module of a person's
    found = what_changes(FunctionTransformer(collected), [collected, other["uses"]])
    assert {count for (_, name), count in found.items() if name == "the global SEEN"} >= {len(SEEN), 2}
    assert found[id(other), "the global SEEN"] == 2


def test_what_keeps_the_same_each_time_is_recorded() -> None:
    graph, step = Graph(), Naming()
    assert Traced({id(step): TABLE}).transform(Exporter(graph), step, columns_of(TABLE, graph)).width == 2


def filled(df: Any) -> Any:
    return df["a"].where(df["a"] > 0, NOTHING)


def test_a_global_that_is_no_number_is_the_same_each_time() -> None:
    graph, step = Graph(), FunctionTransformer(filled)
    assert Traced({id(step): TABLE}).transform(Exporter(graph), step, columns_of(TABLE, graph)).width == 1


def scaled(df: Any, factors: Any) -> Any:
    return df["a"].replace(factors)


def test_a_dict_among_the_arguments_stays_as_it_is() -> None:
    graph, step = Graph(), FunctionTransformer(scaled, kw_args={"factors": {1.0: 2.0}})
    Traced({id(step): TABLE}).transform(Exporter(graph), step, columns_of(TABLE, graph))
    assert step.kw_args == {"factors": {1.0: 2.0}}
