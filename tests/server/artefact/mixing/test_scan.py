"""A loop over rows is proven only if nothing but constants goes on from row to row, or comes in from around it."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper

from server.artefact.mixing.analysis import find_mixing
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
