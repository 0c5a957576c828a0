"""Graphs: operators, equal expressions, pruning, names."""

from __future__ import annotations

import numpy as np
import onnx

from convert.graph.graph import Graph
from server.artefact.runtime import Runtime

X = np.array([[1.0, 2.0], [3.0, np.nan]])


def test_operators_compute_in_double() -> None:
    graph = Graph()
    x = graph.input("X", np.float64, 2)
    model = graph.finish({"y": (1.0 - x) / np.array([2.0, 4.0]) + 1e-12}, {"y": (2,)})
    (y,) = Runtime(model.SerializeToString()).run(["y"], {"X": X})
    np.testing.assert_array_equal(y, (1.0 - X) / [2.0, 4.0] + 1e-12)


def test_equal_expressions_become_one_node_and_unused_ones_none() -> None:
    graph = Graph()
    x = graph.input("X", np.float64, 2)
    first, second = x + 1.0, x + 1.0
    _ = x * 3.0
    model = graph.finish({"y": first * second}, {"y": (2,)})
    assert [node.op_type for node in model.graph.node] == ["Add", "Mul"]
    assert len(model.graph.initializer) == 1


def test_an_input_or_one_tensor_twice_can_be_outputs() -> None:
    graph = Graph()
    x = graph.input("X", np.float64, 2)
    y = x + 1.0
    model = graph.finish({"same": x, "y": y, "z": y}, {"same": (2,), "y": (2,), "z": (2,)})
    onnx.checker.check_model(model)
    same, first, second = Runtime(model.SerializeToString()).run(["same", "y", "z"], {"X": X})
    np.testing.assert_array_equal(same, X)
    np.testing.assert_array_equal(first, second)


def test_columns_named_like_internal_tensors_do_not_collide() -> None:
    graph = Graph()
    columns = [graph.input(name, np.float64, 1) for name in ("c0", "Add1", "Add2", "c3")]
    summed = columns[0] + columns[1] + columns[2] + columns[3] + 1.0
    model = graph.finish({"y": summed}, {"y": (1,)})
    feed = {name: np.ones((1, 1)) for name in ("c0", "Add1", "Add2", "c3")}
    assert Runtime(model.SerializeToString()).run(["y"], feed)[0].item() == 5.0


def test_opsets_and_the_rows_axis_are_as_promised() -> None:
    graph = Graph()
    model = graph.finish({"y": graph.input("X", np.float64, 2) + 1.0}, {"y": (2,)})
    assert {opset.domain: opset.version for opset in model.opset_import} == {"": 18, "ai.onnx.ml": 3}
    runtime = Runtime(model.SerializeToString())
    assert runtime.inputs[0].shape == runtime.outputs[0].shape == (None, 2)
