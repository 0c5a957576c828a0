"""Code that does something else in rare rows: recorded as it is there, or refused; made-up rows may not show it."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnxruntime
import pandas as pd
import pytest

from convert.graph.graph import Graph
from convert.tracing.recording import columns_of, record_twice
from tests.convert.tracing.test_steps import assert_same, held

FEW = pd.DataFrame({"word": np.resize(np.array(["a-x", "b-y", "c"], object), 40), "n": np.linspace(-2, 2, 40)})
WORDS = ["", "-", "--", "a", "a-", "-a", "a-b", "a--b", "-a-b", "a-b-", "a-b-c", "a-\n-b", None]

PAIRS = np.stack([np.linspace(-2, 2, 40), np.linspace(3, -3, 40)], axis=1)
LARGE = np.array([[1e4, 1e4], [1e4, -1e4], [1.0, 1.0], [-1e4, 1.0]])


def answered(function: Any, table: Any, rare: Any) -> Any:
    """What the graph of a function answers for rare rows, recorded over others: its one column."""
    graph = Graph()
    x = columns_of(table, graph)
    made = record_twice(graph, function, table, x, function)
    model = graph.finish({"y": made.take([0]).parts[0][0]}, {"y": (1,)})
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    columns = [rare.iloc[:, at] if isinstance(rare, pd.DataFrame) else rare[:, at] for at in range(x.width)]
    taken = {given.name for given in session.get_inputs()}
    feeds = {f"x{at}": held(column, x.parts[at][0].dtype) for at, column in enumerate(columns)}
    return session.run(None, {name: feed for name, feed in feeds.items() if name in taken})[0].reshape(-1)


@pytest.mark.parametrize("place", [0, 1, 2])
def test_empty_pieces_of_texts_keep_their_places(place: int) -> None:
    def pieces(df: Any) -> Any:
        return df["word"].str.split("-").str[place]

    rare = pd.DataFrame({"word": np.array(WORDS, object), "n": 0.0})
    assert_same(answered(pieces, FEW, rare), pieces(rare))


def by_a_view(x: Any) -> Any:
    x = x.copy()
    first = x[:, 0]
    first[x[:, 0] * x[:, 1] > 1e6] = 0
    return x


def by_another_name(x: Any) -> Any:
    whole = x.copy()
    same = whole
    same += np.where(whole[:, :1] * whole[:, 1:] > 1e6, 5.0, 0.0)
    return whole


def by_a_shape(x: Any) -> Any:
    first = x[:, 0].copy()
    first.reshape(-1, 1)[x[:, 0] * x[:, 1] > 1e6] = 0
    return first


def by_what_was_taken_before(x: Any) -> Any:
    x = x.copy()
    first = x[:, 0]
    x[:, 0] = np.where(x[:, 0] * x[:, 1] > 1e6, -1, x[:, 0])
    return first


@pytest.mark.parametrize("function", [by_a_view, by_another_name, by_a_shape, by_what_was_taken_before])
def test_what_is_written_into_a_view_stands_in_the_array(function: Any) -> None:
    expected = np.asarray(function(LARGE)).reshape(len(LARGE), -1)[:, 0]
    assert_same(answered(function, PAIRS, LARGE), expected)


def test_a_frame_added_to_in_place_is_the_same_frame() -> None:
    def added(df: Any) -> Any:
        kept = df.copy()
        same = kept["n"]
        other = same
        other += np.where(same > 1e6, 5.0, 0.0)
        return same

    rare = pd.DataFrame({"word": np.array(["a", "a"], object), "n": [1.0, 1e7]})
    assert_same(answered(added, FEW, rare), added(rare))
