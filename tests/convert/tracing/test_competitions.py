"""What people write for competitions is recorded as it answers: merges, lookups, bins, dates, pieces of texts."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from convert.errors import Refused
from convert.exporters.registry import Exporter, load_families
from convert.graph.graph import Graph
from convert.tracing.inputs import infer_columns
from convert.tracing.recording import columns_of, record_twice
from convert.tracing.steps import call_of, functions_of
from server.artefact.runtime import Runtime
from tests.campaigns.coverage.traced import numbers
from tests.convert.tracing.test_habits import feed_of
from tests.support.convert import competitions as module
from tests.support.convert import habits, notebooks

competitions: Any = module  # it is written as notebooks are, without types
OF_PASSENGERS = frozenset(
    ("title_group", "deck_number", "fare_per_head", "cheap_and_dear", "fare_bins", "crossed", "evaluated", "in_lines",
     "persons", "words", "TargetMeans", "GroupFill", "Merged")
)  # fmt: skip
OF_ARRAYS = frozenset(("filled_array", "polynomials", "order_statistics", "Capped"))
NAMES = sorted(
    name
    for name, thing in vars(module).items()
    if getattr(thing, "__module__", "") == module.__name__ and name != "person" and callable(thing)
)
FEW = ("by_moment", "GroupFill", "Merged", "words", "zones")
pytestmark = pytest.mark.filterwarnings("ignore")  # of pandas' next version


def step_and_table(name: str) -> tuple[Any, Any]:
    """A fitted step, and the table that it was fitted on."""
    table, y = numbers() if name in OF_ARRAYS else getattr(*_source(name))()
    thing = getattr(competitions, name)
    step: Any = thing() if inspect.isclass(thing) else FunctionTransformer(thing)
    return step.fit(table, y), table


def _source(name: str) -> tuple[Any, str]:
    return (notebooks, "passengers") if name in OF_PASSENGERS else (habits, "trips")


@pytest.mark.parametrize(
    "name", [name if name in FEW else pytest.param(name, marks=pytest.mark.slow) for name in NAMES]
)
def test_a_step_is_recorded_as_it_answers(name: str) -> None:
    load_families()
    step, table = step_and_table(name)
    expected = np.asarray(step.transform(table), np.float64)
    graph = Graph()
    made = record_twice(graph, call_of(step, Exporter(graph)), table, columns_of(table, graph), *functions_of(step))
    whole = graph.concat([tensor.cast(np.float64) for tensor, _ in made.parts])
    runtime = Runtime(graph.finish({"y": whole}, {"y": (made.width,)}).SerializeToString())
    given = feed_of(table)
    (got,) = runtime.run(["y"], {node.name: given[node.name].astype(node.dtype) for node in runtime.inputs})
    np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    ("name", "columns", "texts"),
    [
        ("GroupFill", {"age", "fare", "sex", "pclass"}, ["sex"]),
        ("Merged", {"embarked", "fare"}, ["embarked"]),
    ],
)
def test_the_columns_of_a_table_are_found_by_what_a_row_is_asked_for(
    name: str, columns: set[str], texts: list[str]
) -> None:
    load_families()
    step, table = step_and_table(name)
    next_one = FunctionTransformer().fit(step.transform(table))
    found = infer_columns(make_pipeline(step, next_one), lambda _: {})
    assert found is not None
    assert set(found[0] if isinstance(found[0], list) else ()) == columns
    assert found[1] == texts


STATS = pd.DataFrame({"word": ["a", "b"], "n": [1, 2], "mean": [0.5, 1.5]})


@pytest.mark.parametrize(
    "function",
    [
        lambda df: df.merge(STATS.drop(columns="n"), on="word", how="left")[["n", "mean"]],
        lambda df: df.merge(STATS, on=["word", "n"], how="left")[["n", "mean"]],
        lambda df: df.join(STATS.drop(columns="n").set_index("word"), on="word")[["n", "mean"]],
        lambda df: pd.merge(df, STATS.drop(columns="n"), on="word", how="left")[["n", "mean"]],
    ],
    ids=["one key", "two keys", "join", "pd.merge"],
)
def test_a_constant_table_stands_beside_rows_by_a_key(function: Any) -> None:
    rows = pd.DataFrame({"word": np.resize(np.array(["a", "b", "c"], object), 40), "n": np.resize([1, 2], 40)})
    graph = Graph()
    made = record_twice(graph, function, rows, columns_of(rows, graph), function)
    whole = graph.concat([tensor.cast(np.float64) for tensor, _ in made.parts])
    runtime = Runtime(graph.finish({"y": whole}, {"y": (made.width,)}).SerializeToString())
    given = feed_of(rows)
    (got,) = runtime.run(["y"], {node.name: given[node.name].astype(node.dtype) for node in runtime.inputs})
    np.testing.assert_array_equal(got, function(rows).to_numpy(np.float64))


def test_a_table_that_adds_rows_is_refused() -> None:
    twice = pd.concat([STATS, STATS]).drop(columns="n")
    rows = pd.DataFrame({"word": np.resize(np.array(["a", "b"], object), 40)})

    def joined(df: Any) -> Any:
        return df.merge(twice, on="word", how="left")

    graph = Graph()
    with pytest.raises(Refused, match="adds rows") as refusal:
        record_twice(graph, joined, rows, columns_of(rows, graph), joined)
    assert "each key once" in refusal.value.remedy


TEXTS = ["", "a", "ab", "abc", "abcd", "a\nb", "äöü", None]


@pytest.mark.parametrize(
    "key",
    [-1, 1, 2, slice(-2, None), slice(1, None), slice(1, 3), slice(2, 3), slice(0, 2)],
    ids=["last", "second", "third", "last two", "behind", "within", "one", "first"],
)
def test_pieces_of_texts(key: Any) -> None:
    rows = pd.DataFrame({"word": np.resize(np.array(TEXTS, object), 40)})

    def piece(df: Any) -> Any:
        return df["word"].str[key]

    graph = Graph()
    made = record_twice(graph, piece, rows, columns_of(rows, graph), piece)
    runtime = Runtime(graph.finish({"y": made.parts[0][0]}, {"y": (1,)}).SerializeToString())
    (got,) = runtime.run(["y"], feed_of(rows))
    told = ["\ufdd0" if pd.isna(value) else value for value in piece(rows)]
    assert got.ravel().tolist() == told


STRIPPED = ["", "%", "5%", "%5%", "a-]b", "--a]", " x ", "%%", "5%\n", None]


@pytest.mark.parametrize(("way", "characters"), [("strip", "%"), ("rstrip", "%"), ("lstrip", "%"), ("strip", "]-^ ")])
def test_characters_are_stripped(way: str, characters: str) -> None:
    rows = pd.DataFrame({"word": np.resize(np.array(STRIPPED, object), 40)})

    def bare(df: Any) -> Any:
        return getattr(df["word"].str, way)(characters)

    graph = Graph()
    made = record_twice(graph, bare, rows, columns_of(rows, graph), bare)
    runtime = Runtime(graph.finish({"y": made.parts[0][0]}, {"y": (1,)}).SerializeToString())
    (got,) = runtime.run(["y"], feed_of(rows))
    assert got.ravel().tolist() == ["\ufdd0" if pd.isna(value) else value for value in bare(rows)]
