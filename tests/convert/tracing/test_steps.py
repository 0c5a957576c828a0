"""Functions and classes as people write them, recorded, and asked beside themselves over all rows of their tables."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import onnxruntime
import pandas as pd
import pytest

from convert.exporters.registry import Exporter, load_families
from convert.graph.graph import Graph
from convert.tracing.recording import columns_of, record_twice
from convert.tracing.steps import call_of, functions_of, is_own
from server.artefact.metadata import MISSING_TEXT
from tests.campaigns.coverage.traced import numbers, steps

load_families()
STEPS = {name: (step, x, y) for name, step, x, y in steps()}


def recorded(step: Any, table: Any) -> list[Any]:
    """What the graph of a step answers for a table, column by column."""
    graph = Graph()
    x = columns_of(table, graph)
    made = record_twice(graph, call_of(step, Exporter(graph)), table, x, *functions_of(step))
    singles = [made.take([at]).parts[0][0] for at in range(made.width)]
    names = [f"y{at}" for at in range(made.width)]
    model = graph.finish(dict(zip(names, singles, strict=True)), dict.fromkeys(names, (1,)))
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    columns = [table.iloc[:, at] if isinstance(table, pd.DataFrame) else table[:, at] for at in range(x.width)]
    feeds = {f"x{at}": held(column, x.parts[at][0].dtype) for at, column in enumerate(columns)}
    return [answer.reshape(-1) for answer in session.run(names, feeds)]


def held(column: Any, dtype: Any) -> Any:
    """A column as the graph takes it."""
    values = np.asarray(column, object)
    if dtype.kind == "O":
        return np.array([[MISSING_TEXT if pd.isna(value) else value] for value in values], object)
    return np.asarray(column).astype(dtype).reshape(-1, 1)


def assert_same(got: Any, expected: Any) -> None:
    """Equal to the last digits that another order of arithmetic may change; a missing value is one."""
    if got.dtype.kind == "O":
        told = np.array([MISSING_TEXT if pd.isna(value) else value for value in expected], object)
        np.testing.assert_array_equal(got, told)
    else:
        numbers = np.asarray(expected, np.float64)
        np.testing.assert_allclose(got.astype(np.float64), numbers, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("name", STEPS)
def test_a_step_is_recorded_as_it_is(name: str) -> None:
    step, table, y = STEPS[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted = step.fit(table, y)
        expected = np.asarray(call_of(fitted, Exporter(Graph()))(table))
    assert is_own(fitted)
    got = recorded(fitted, table)
    assert len(got) == expected.shape[1]
    for column, answer in enumerate(got):
        assert_same(answer, expected[:, column])


def test_missing_numbers_go_the_way_of_numpy_and_pandas() -> None:
    table, _ = numbers(missing=True)
    for name in ("row_statistics", "clipped", "signs", "choices", "centred"):
        step = STEPS[name][0]
        with np.errstate(all="ignore"):
            expected = np.asarray(step.func(table))
        for column, answer in enumerate(recorded(step, table)):
            assert_same(answer, expected[:, column])
