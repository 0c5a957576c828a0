"""Which graphs are seen to have one answer only."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsRegressor

from convert.graph.graph import Graph
from convert.proof.constancy import has_one_answer, is_constant
from server.artefact.metadata import Feature


@pytest.mark.parametrize(("weights", "constant"), [([[0.0], [0.0]], True), ([[0.0], [1.0]], False)])
def test_what_is_multiplied_by_zeros_alone_is_constant(weights: list[list[float]], constant: bool) -> None:
    graph = Graph()
    x = graph.input("X", np.dtype(np.float64), 2)
    assert is_constant(graph.finish({"y": x @ np.array(weights) + 1.5}, {"y": (1,)})) is constant


def test_an_input_that_is_handed_on_is_not() -> None:
    graph = Graph()
    x = graph.input("X", np.dtype(np.float64), 2)
    assert not is_constant(graph.finish({"y": x + 0.0}, {"y": (2,)}))


FREE = Feature("x", "float64", "X")


def test_neighbours_of_one_target_have_one_answer() -> None:
    rows = np.arange(8.0).reshape(-1, 1)
    assert has_one_answer(KNeighborsRegressor().fit(rows, np.full((8, 2), 3.0)), [FREE])
    assert not has_one_answer(KNeighborsRegressor().fit(rows, rows), [FREE])


def test_where_there_is_one_row_there_is_one_answer() -> None:
    alone = Feature("c", "string", "c", categories=("cat",))
    assert has_one_answer(object(), [alone])
    assert not has_one_answer(object(), [alone, Feature("d", "string", "d", categories=("a", "b"))])
    assert not has_one_answer(object(), [Feature("c", "string", "c", True, ("cat",))])
    assert not has_one_answer(object(), [alone, FREE])
