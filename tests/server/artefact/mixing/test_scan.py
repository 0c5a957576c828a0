"""A loop over rows is proven only if nothing but constants goes on from row to row, or comes in from around it."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from server.artefact.mixing.analysis import find_mixing
from server.artefact.runtime import Runtime
from tests.support.server.models import FLOAT, onnx_file

POINTS = np.array([[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]], np.float32)


def distances(
    first: onnx.NodeProto | None = None, order: str = "", inputs: tuple[str, str] = ("points", "X")
) -> str | None:
    """Why distances of rows and points are not proven. ``first`` makes ``state_out``; ``inputs``: state and scanned."""
    body = helper.make_graph(
        [
            first or helper.make_node("Identity", ["state"], ["state_out"]),
            helper.make_node("Sub", ["state", "row"], ["difference"]),
            helper.make_node("ReduceSumSquare", ["difference", "axes"], ["distance"], keepdims=0),
        ],
        "body",
        [helper.make_tensor_value_info(name, FLOAT, None) for name in ("state", "row")],
        [helper.make_tensor_value_info(name, FLOAT, None) for name in ("state_out", "distance")],
    )
    attributes: dict[str, Any] = {order: [1]} if order else {}
    scan = helper.make_node("Scan", inputs, ["last", "d"], body=body, num_scan_inputs=1, **attributes)
    mean = helper.make_node("ReduceMean", ["X", "first"], ["mean"], keepdims=1)
    turned = helper.make_node("Transpose", ["d"], ["Y"], perm=[1, 0] if inputs[0] == "X" else [0, 1])
    constants = {"points": POINTS, "axes": np.array([1]), "first": np.array([0])}
    return find_mixing(onnx_file([mean, scan, turned], [("X", FLOAT, ["N", 3])], [("Y", FLOAT, ["N", 2])], constants))


def test_distances_row_after_row_are_proven() -> None:
    assert distances() is None


def test_distances_of_all_rows_point_after_point_as_skl2onnx_writes_them_are_proven() -> None:
    assert distances(inputs=("X", "points")) is None


@pytest.mark.parametrize(
    "first",
    [
        helper.make_node("Add", ["state", "row"], ["state_out"]),
        helper.make_node("Neg", ["state"], ["state_out"]),
        helper.make_node("Identity", ["row"], ["state_out"]),
    ],
    ids=lambda node: str(node.op_type),
)
@pytest.mark.parametrize("inputs", [("points", "X"), ("X", "points")], ids=str)
def test_what_one_turn_leaves_for_the_next_mixes(first: onnx.NodeProto, inputs: tuple[str, str]) -> None:
    assert "goes on to the next" in str(distances(first, inputs=inputs))


def test_all_rows_beside_each_row_mix() -> None:
    assert distances(inputs=("X", "X")) is not None
    assert distances(inputs=("mean", "X")) is not None
    assert distances(inputs=("mean", "points")) is not None


@pytest.mark.parametrize("order", ["scan_input_axes", "scan_input_directions", "scan_output_axes"])
def test_another_order_is_not_proven(order: str) -> None:
    assert "in another way" in str(distances(order=order))


def test_an_output_that_uses_all_rows_is_not_proven() -> None:
    body = helper.make_graph(
        [helper.make_node("Add", ["row", "X"], ["out"])],
        "body",
        [helper.make_tensor_value_info("row", FLOAT, [3])],
        [helper.make_tensor_value_info("out", FLOAT, None)],
    )
    scan = helper.make_node("Scan", ["X"], ["Y"], body=body, num_scan_inputs=1)
    data = onnx_file([scan], [("X", FLOAT, ["N", 3])], [("Y", FLOAT, ["N", "N", 3])])
    assert "which has all rows" in str(find_mixing(data))


def rows_counted_in_a_body(declared: list[int] | None) -> bytes:
    """``Y = X + X[:n]``, where ``n`` is the length of a tensor around the loop whose shape the file may declare."""
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["state"], ["state_out"]),
            helper.make_node("Shape", ["twice"], ["n"], start=0, end=1),
            helper.make_node("Slice", ["X", "first", "n", "first"], ["part"]),
            helper.make_node("Add", ["state", "part"], ["sum"]),
        ],
        "body",
        [helper.make_tensor_value_info(name, FLOAT, None) for name in ("state", "turn")],
        [helper.make_tensor_value_info(name, FLOAT, None) for name in ("state_out", "sum")],
    )
    nodes = [
        helper.make_node("Add", ["X", "X"], ["twice"]),
        helper.make_node("Scan", ["X", "turns"], ["last", "d"], body=body, num_scan_inputs=1),
        helper.make_node("Squeeze", ["d", "first"], ["Y"]),
    ]
    constants = {"turns": np.zeros((1, 1), np.float32), "first": np.array([0])}
    model = onnx.load_model_from_string(onnx_file(nodes, [("X", FLOAT, ["N", 3])], [("Y", FLOAT, ["N", 3])], constants))
    if declared:
        model.graph.value_info.append(helper.make_tensor_value_info("twice", FLOAT, declared))
    return bytes(model.SerializeToString())


def test_a_declared_shape_is_not_believed_where_only_a_body_uses_the_tensor() -> None:
    rows = np.arange(6, dtype=np.float32).reshape(2, 3)
    assert find_mixing(rows_counted_in_a_body(None)) is None
    data = rows_counted_in_a_body([1, 3])
    assert Runtime(data).run(["Y"], {"X": rows})[0].tolist() == [[0, 2, 4], [3, 5, 7]]  # the first row, beside each
    assert "the file declares another shape" in str(find_mixing(data))


def test_a_value_for_an_input_of_a_body_is_not_proven() -> None:
    body = helper.make_graph(
        [helper.make_node("Neg", ["row"], ["out"])],
        "body",
        [helper.make_tensor_value_info("row", FLOAT, [3])],
        [helper.make_tensor_value_info("out", FLOAT, None)],
        [numpy_helper.from_array(np.zeros(3, np.float32), "row")],
    )
    scan = helper.make_node("Scan", ["X"], ["Y"], body=body, num_scan_inputs=1)
    assert find_mixing(onnx_file([scan], [("X", FLOAT, ["N", 3])], [("Y", FLOAT, ["N", 3])])) is not None


def test_a_name_of_a_body_is_its_own_before_its_node_too() -> None:
    body = helper.make_graph(
        [
            helper.make_node("Add", ["row", "c"], ["out"]),
            helper.make_node("Neg", ["row"], ["c"]),
        ],
        "body",
        [helper.make_tensor_value_info("row", FLOAT, [3])],
        [helper.make_tensor_value_info("out", FLOAT, None)],
    )
    scan = helper.make_node("Scan", ["X"], ["Y"], body=body, num_scan_inputs=1)
    constants = {"c": np.zeros(3, np.float32)}
    data = onnx_file([scan], [("X", FLOAT, ["N", 3])], [("Y", FLOAT, ["N", 3])], constants)
    assert "used before it is made" in str(find_mixing(data))
