"""The reader of graphs: what the onnx package reads too, and nothing where two readers might differ."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from server.artefact.mixing.analysis import find_mixing
from server.artefact.mixing.graph import Constant, Unclear
from server.artefact.mixing.reader import read_model
from tests.support.models.mixing.proofs import node, of
from tests.support.server.models import ARTEFACTS, PLAIN


@pytest.mark.parametrize("name", [*ARTEFACTS, *PLAIN])
def test_it_reads_what_the_onnx_package_reads(name: str) -> None:
    data = (ARTEFACTS | PLAIN)[name]().data
    graph, whole = read_model(data).graph, onnx.load_model_from_string(data).graph
    assert [(node.operator, node.inputs, node.outputs) for node in graph.nodes] == [
        (node.op_type, tuple(node.input), tuple(node.output)) for node in whole.node
    ]
    assert (graph.inputs, graph.outputs) == ([item.name for item in whole.input], [item.name for item in whole.output])
    for tensor in whole.initializer:
        constant, array = graph.constants[tensor.name], numpy_helper.to_array(tensor)
        assert constant.dims == array.shape
        assert constant.values is None or np.array_equal(constant.values.reshape(array.shape), array)


@pytest.mark.parametrize("raw", [True, False])
@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (TensorProto.INT64, [-1, 2**62, 0]),
        (TensorProto.INT32, [-1, 2**31 - 1, 0]),
        (TensorProto.INT8, [-1, 127, 0]),
        (TensorProto.FLOAT, [0.5, -1.0, 0.0]),
        (TensorProto.DOUBLE, [0.5, -1.0, 0.0]),
        (TensorProto.BOOL, [True, False, True]),
    ],
)
def test_constants_are_read_however_they_are_written(kind: int, values: list[Any], raw: bool) -> None:
    array = np.array(values, helper.tensor_dtype_to_np_dtype(kind))
    tensor = numpy_helper.from_array(array, "c") if raw else helper.make_tensor("c", kind, [3], values)
    model = onnx.load_model_from_string(of(node("Neg", "X")))
    model.graph.initializer.append(tensor)
    constant = read_model(model.SerializeToString()).graph.constants["c"]
    assert isinstance(constant, Constant)
    assert constant.values is not None
    assert constant.values.tolist() == array.tolist()


def test_a_field_that_stands_twice_is_not_clear() -> None:
    """Protobuf takes the last one, or merges both; another reader may take the first."""
    data = of(node("Neg", "X"))
    graph = bytes(onnx.load_model_from_string(data).graph.SerializeToString())
    assert len(graph) < 1 << 14
    twice = data + b"\x3a" + bytes([len(graph) & 127 | 128, len(graph) >> 7]) + graph
    with pytest.raises(Unclear):
        read_model(twice)
    assert find_mixing(twice) is not None


def test_attributes_that_are_not_clear_prove_nothing() -> None:
    model = onnx.load_model_from_string(of(node("Softmax", "X", axis=1)))
    untyped = onnx.ModelProto()
    untyped.CopyFrom(model)
    untyped.graph.node[0].attribute[0].type = 0
    twice = onnx.ModelProto()
    twice.CopyFrom(model)
    twice.graph.node[0].attribute.append(helper.make_attribute("axis", 0))
    assert find_mixing(model.SerializeToString()) is None
    for changed in (untyped, twice):
        assert "'axis'" in str(find_mixing(changed.SerializeToString()))
