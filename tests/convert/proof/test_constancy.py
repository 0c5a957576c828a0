"""Which graphs are seen to have one answer only."""

from __future__ import annotations

import numpy as np
import pytest

from convert.graph.graph import Graph
from convert.proof.constancy import is_constant


@pytest.mark.parametrize(("weights", "constant"), [([[0.0], [0.0]], True), ([[0.0], [1.0]], False)])
def test_what_is_multiplied_by_zeros_alone_is_constant(weights: list[list[float]], constant: bool) -> None:
    graph = Graph()
    x = graph.input("X", np.dtype(np.float64), 2)
    assert is_constant(graph.finish({"y": x @ np.array(weights) + 1.5}, {"y": (1,)})) is constant


def test_an_input_that_is_handed_on_is_not() -> None:
    graph = Graph()
    x = graph.input("X", np.dtype(np.float64), 2)
    assert not is_constant(graph.finish({"y": x + 0.0}, {"y": (2,)}))
