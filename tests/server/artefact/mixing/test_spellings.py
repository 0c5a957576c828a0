"""Files that mix rows, written otherwise than protobuf writes them: none passes for proven and mixes them after all."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from server.artefact.mixing.analysis import find_mixing
from server.artefact.mixing.graph import Unclear
from server.artefact.mixing.reader import read_model
from server.artefact.onnxfile import BadFile, check_known, read_onnxfile
from server.artefact.runtime import BadModel, Runtime
from server.artefact.tensors import Array, TensorSpec
from tests.server.artefact.mixing.test_soundness import mixes
from tests.support.models.mixing.proofs import MIXED, Case, of
from tests.support.models.mixing.spellings import spellings

SIZES = (2, 3, 5)
FLOAT = TensorProto.FLOAT


def hidden_graph() -> bytes:
    """Each row at least the largest number of all rows: that is found in a loop's graph, by the name of the input."""
    scalars = (("turn", TensorProto.INT64), ("go", TensorProto.BOOL), ("before", FLOAT))
    turn = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["on"]), helper.make_node("ReduceMax", ["X"], ["most"], keepdims=0)],
        "turn",
        [helper.make_tensor_value_info(name, kind, []) for name, kind in scalars],
        [helper.make_tensor_value_info("on", TensorProto.BOOL, []), helper.make_tensor_value_info("most", FLOAT, [])],
    )
    graph = helper.make_graph(
        [
            helper.make_node("Loop", ["once", "", "nothing"], ["least"], body=turn),
            helper.make_node("Clip", ["X", "least"], ["out"]),
        ],
        "g",
        [helper.make_tensor_value_info("X", FLOAT, ["N", 3])],
        [onnx.ValueInfoProto(name="out")],
        [numpy_helper.from_array(np.array(1), "once"), numpy_helper.from_array(np.array(0, np.float32), "nothing")],
    )
    opsets = [helper.make_opsetid("", 19)]
    return bytes(helper.make_model(graph, opset_imports=opsets, ir_version=9).SerializeToString())


def is_proven(data: bytes) -> bool:
    """Whether it passes all that the server reads before it opens a file, and its rows for kept apart."""
    try:
        check_known(read_onnxfile(data))
    except BadFile:
        return False
    return find_mixing(data) is None


def holds(data: bytes) -> bool:
    """Whether a proven file answers each row alone as among others, or does not open at all."""
    try:
        runtime = Runtime(data)
    except BadModel:
        return True
    name = runtime.outputs[0].name
    return not any(
        mixes(runtime, name, {spec.name: _drawn(spec, rows) for spec in runtime.inputs})
        for rows in SIZES
        if runtime.outputs[0].dtype.kind != "O"
    )


def _drawn(spec: TensorSpec, rows: int) -> Array:
    shape = (rows, *(size or 2 for size in spec.shape[1:]))
    chance = np.random.default_rng(rows)
    if spec.dtype.kind == "O":
        return chance.choice(np.array(["a", "b"], np.object_), shape)
    return (chance.normal(size=shape) * 3).astype(spec.dtype)


def test_a_graph_within_is_seen_however_its_type_is_written() -> None:
    """Protobuf cuts a type of more than 32 bits off: what we did not take for a graph was one to ONNX Runtime."""
    data = hidden_graph()
    assert not is_proven(data)
    assert not holds(data)
    assert not [spelt for spelt in spellings(data) if is_proven(spelt) and not holds(spelt)]


@pytest.mark.parametrize(
    ("kind", "value"),
    [(TensorProto.BOOL, 0), (TensorProto.BOOL, 1), (TensorProto.INT32, 1), (TensorProto.INT64, 1), (FLOAT, 1.0)],
)
def test_a_constant_is_what_protobuf_reads_or_not_known(kind: int, value: float) -> None:
    """A truth of more than 32 bits is none to protobuf."""
    model = onnx.load_model_from_string(of(("Neg", ("X",), "out", {})))
    model.graph.initializer.append(helper.make_tensor("c", kind, [1], [value]))
    del model.graph.input[1:]
    for spelt in spellings(model.SerializeToString()):
        ours = _ours(spelt)
        if ours is not None:
            (theirs,) = (item for item in onnx.load_model_from_string(spelt).graph.initializer if item.name == "c")
            assert ours == numpy_helper.to_array(theirs).ravel().tolist()


def _ours(data: bytes) -> list[object] | None:
    """The values of the constant, where it has any to us."""
    try:
        constant = read_model(data).graph.constants.get("c")
    except (Unclear, BadFile, IndexError, ValueError):
        return None
    return None if constant is None or constant.values is None else list(constant.values.tolist())


@pytest.mark.slow
@pytest.mark.parametrize("case", MIXED, ids=str)
def test_no_spelling_of_a_graph_that_mixes_passes(case: Case) -> None:
    model = onnx.load_model_from_string(of(*case.nodes))
    used = {name for node in model.graph.node for name in node.input}
    for given in [given for given in model.graph.input if given.name not in used]:
        model.graph.input.remove(given)
    assert not [spelt for spelt in spellings(model.SerializeToString()) if is_proven(spelt) and not holds(spelt)]
