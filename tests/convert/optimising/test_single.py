"""A graph with its products in float32: what becomes so, what stays, and what it answers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from onnx import ModelProto

from convert.graph.graph import Array, Graph, Tensor
from convert.optimising.single import in_single
from server.artefact.runtime import Runtime

WEIGHTS = np.random.default_rng(0).normal(size=(4, 4))
ROWS = np.random.default_rng(1).normal(size=(50, 4))


def network(graph: Graph, x: Tensor) -> Tensor:
    for activation in ("Relu", "Tanh", "Sigmoid"):
        x = graph.op("Gemm", x, graph.constant(WEIGHTS), graph.constant(WEIGHTS[0])).unary(activation)
    return x @ WEIGHTS[:, :1]


def made(build: Any, width: int = 1) -> ModelProto:
    graph = Graph()
    return graph.finish({"y": build(graph, graph.input("X", np.float64, 4))}, {"y": (width,)})


def answers(model: ModelProto, rows: Array = ROWS) -> Array:
    answer: Array = Runtime(model.SerializeToString()).run(["y"], {"X": rows})[0]
    return answer


def dtypes(model: ModelProto) -> set[int]:
    return {tensor.data_type for tensor in model.graph.initializer if tensor.dims}


def test_a_network_is_in_float32_from_its_first_product_to_its_last() -> None:
    safe = made(network)
    single = in_single(safe)
    assert single is not None
    assert [node.op_type for node in single.graph.node if node.op_type == "Cast"] == ["Cast", "Cast"]
    assert dtypes(single) == {1}
    got, expected = answers(single), answers(safe)
    assert got.dtype == np.float64
    assert not np.array_equal(got, expected)
    np.testing.assert_allclose(got, expected, rtol=1e-5)


def test_what_is_read_besides_stays_in_float64() -> None:
    def build(graph: Graph, x: Tensor) -> Tensor:
        product = x @ WEIGHTS
        return graph.concat([product.unary("Relu") @ WEIGHTS, product.unary("Exp"), x])

    safe = made(build, 12)
    single = in_single(safe)
    assert single is not None
    np.testing.assert_allclose(answers(single), answers(safe), rtol=1e-4)
    np.testing.assert_array_equal(answers(single)[:, 8:], ROWS)


@pytest.mark.parametrize("value", [1e300, -1e300, np.inf, np.nan])
def test_numbers_beyond_float32_are_cut_and_missing_ones_stay(value: float) -> None:
    single = in_single(made(lambda graph, x: graph.op("Gemm", x, graph.constant(WEIGHTS)).unary("Tanh"), 4))
    assert single is not None
    assert np.isnan(answers(single, np.full((1, 4), value))).all() == np.isnan(value)


@pytest.mark.parametrize("build", [lambda _, x: x + 1.0, lambda graph, x: graph.op("MatMul", x, x.cast(np.float64))])
def test_without_a_product_by_constants_there_is_none(build: Any) -> None:
    assert in_single(made(build, 4)) is None
