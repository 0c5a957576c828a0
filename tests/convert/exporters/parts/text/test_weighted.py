"""Rows of weighted counts: as they stand, and what a linear model makes of them without their being made."""

from __future__ import annotations

import numpy as np
import pytest

from convert.exporters.parts.text.weighted import product_of, weighted_rows
from convert.graph.graph import Graph
from server.artefact.runtime import Runtime

COUNTS = np.array([[1.0, 0.0, 3.0], [0.0, 0.0, 0.0], [-2.0, 5.0, 1.0]])
WEIGHTS, COEFFICIENTS = np.array([1.5, 2.0, 0.5]), np.array([[1.0, -1.0], [0.25, 3.0], [2.0, 0.0]])


@pytest.mark.parametrize("norm", ["l1", "l2"])
def test_the_product_is_that_of_the_whole_rows_which_are_not_made(norm: str) -> None:
    graph = Graph()
    whole = weighted_rows(graph.input("X", np.float64, 3), WEIGHTS, norm)
    product = product_of(whole, COEFFICIENTS)
    assert product is not None
    assert product_of(product, COEFFICIENTS) is None
    alone = graph.finish({"y": product}, {"y": (2,)})
    weighted = COUNTS * WEIGHTS
    length = np.linalg.norm(weighted, 1 if norm == "l1" else 2, axis=1, keepdims=True)
    expected = weighted / np.where(length, length, 1) @ COEFFICIENTS
    got = Runtime(alone.SerializeToString()).run(["y"], {"X": COUNTS})[0]
    np.testing.assert_allclose(got, expected, rtol=1e-14, atol=1e-15)
    assert sum(node.op_type == "Mul" for node in alone.graph.node) == (norm == "l2")  # the squares, nothing else
