"""What people do with tables, in functions and classes of their own, is recorded as it answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import pytest

from convert.exporters.registry import Exporter, load_families
from convert.graph.graph import Array, Graph
from convert.tracing.recording import columns_of, record_twice
from convert.tracing.steps import call_of, functions_of
from server.artefact.metadata import MISSING_TEXT
from server.artefact.runtime import Runtime
from tests.campaigns.coverage.traced import of_habits

HABITS = {name: (step, table, y) for name, step, table, y in of_habits()}
FEW = ("duration", "zone_dummies", "cleaned", "titles_by_search")
pytestmark = pytest.mark.filterwarnings("ignore")  # of pandas' next version


def feed_of(table: Any) -> Mapping[str, Array]:
    """The columns as a graph takes them."""
    columns = [table.iloc[:, at] for at in range(table.shape[1])] if isinstance(table, pd.DataFrame) else list(table.T)
    return {f"x{at}": _held(values).reshape(-1, 1) for at, values in enumerate(columns)}


def _held(values: Any) -> Array:
    if values.dtype.kind == "M":
        return np.asarray((values - pd.Timestamp(0)) / pd.Timedelta(seconds=1))
    if values.dtype.kind in "biuf":
        return np.asarray(values)
    return np.array([MISSING_TEXT if pd.isna(value) else str(value) for value in values], object)


@pytest.mark.parametrize(
    "name", [name if name in FEW else pytest.param(name, marks=pytest.mark.slow) for name in HABITS]
)
def test_a_habit_is_recorded_as_it_answers(name: str) -> None:
    load_families()
    step, table, y = HABITS[name]
    step.fit(table, y)
    expected = np.asarray(step.transform(table), np.float64)
    graph = Graph()
    made = record_twice(graph, call_of(step, Exporter(graph)), table, columns_of(table, graph), *functions_of(step))
    numbers = graph.concat([tensor.cast(np.float64) for tensor, _ in made.parts])
    runtime = Runtime(graph.finish({"y": numbers}, {"y": (made.width,)}).SerializeToString())
    given = feed_of(table)
    feed = {node.name: given[node.name].astype(node.dtype) for node in runtime.inputs}
    (got,) = runtime.run(["y"], feed)
    np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-9)
