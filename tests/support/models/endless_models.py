"""Models whose inputs decide how long they run, or how much they hold: the trial's are small, a client's boundless."""

from __future__ import annotations

import numpy as np
from onnx import TensorProto, helper

from tests.support.models.bad_models import loop_body
from tests.support.server.models import FLOAT, Made, onnx_file

ENDLESS = 1e15  # turns
ENDLESS_ROW = b'{"features":[[%d]]}' % ENDLESS
SHORT_ROW = b'{"features":[[3]]}'


def counting() -> Made:
    """A loop of as many turns as its largest number says; the answer is the numbers."""
    body = loop_body(helper.make_node("Identity", ["sum"], ["more"]))
    nodes = [
        helper.make_node("ReduceMax", ["X"], ["most"], keepdims=0),
        helper.make_node("Cast", ["most"], ["turns"], to=TensorProto.INT64),
        helper.make_node("Loop", ["turns", "yes", "X"], ["Y"], body=body),
    ]
    data = onnx_file(nodes, [("X", FLOAT, ["N", 1])], [("Y", FLOAT, ["N", 1])], {"yes": np.array(True)})
    return Made(data, None, None, [[3.0]])


def filling() -> Made:
    """Makes as many numbers of 4 bytes as its largest number says, and answers their sum, 0, beside its own."""
    nodes = [
        helper.make_node("ReduceMax", ["X"], ["most"], keepdims=0),
        helper.make_node("Cast", ["most"], ["count"], to=TensorProto.INT64),
        helper.make_node("Reshape", ["count", "one"], ["shape"]),
        helper.make_node("ConstantOfShape", ["shape"], ["many"]),
        helper.make_node("ReduceSum", ["many"], ["sum"], keepdims=0),
        helper.make_node("Add", ["X", "sum"], ["Y"]),
    ]
    data = onnx_file(nodes, [("X", FLOAT, ["N", 1])], [("Y", FLOAT, ["N", 1])], {"one": np.array([1], np.int64)})
    return Made(data, None, None, [[3.0]])
