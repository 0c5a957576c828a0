"""Files that must be refused: bytes that look like a model and harm the process that opens or runs them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
from onnx import GraphProto, NodeProto, TensorProto, helper, numpy_helper

from tests.support.server.models import FLOAT, Value, classifier, onnx_file, plain, with_metadata

N2: list[Value] = [("X", FLOAT, ["N", 2])]
Y2: list[Value] = [("Y", FLOAT, ["N", 2])]


def folding_bomb(items: int = 10**9) -> bytes:
    """About 150 bytes that fold to four for each of so many items."""
    return onnx_file(
        [
            helper.make_node("ConstantOfShape", ["size"], ["zeros"]),
            helper.make_node("ReduceSum", ["zeros"], ["none"], keepdims=0),
            helper.make_node("Add", ["X", "none"], ["Y"]),
        ],
        N2,
        Y2,
        {"size": np.array([items])},
    )


def loop_body(step: NodeProto) -> GraphProto:
    """The body of a loop that never ends by itself: ``step`` makes `more` of `sum`."""
    return helper.make_graph(
        [helper.make_node("Identity", ["go"], ["on"]), step],
        "body",
        [
            helper.make_tensor_value_info("turn", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("sum", FLOAT, None),
        ],
        [
            helper.make_tensor_value_info("on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("more", FLOAT, None),
        ],
    )


def endless(turns: int = 10**12) -> bytes:
    """A loop of so many turns."""
    body = loop_body(helper.make_node("Add", ["sum", "X"], ["more"]))
    loop = helper.make_node("Loop", ["turns", "yes", "X"], ["Y"], body=body)
    return onnx_file([loop], N2, Y2, {"turns": np.array(turns), "yes": np.array(True)})


def calls_itself() -> bytes:
    """A function that is its own body."""
    graph = helper.make_graph(
        [helper.make_node("F", ["X"], ["Y"], domain="own")],
        "g",
        [helper.make_tensor_value_info(*value) for value in N2],
        [helper.make_tensor_value_info(*value) for value in Y2],
    )
    opsets = [helper.make_opsetid("", 19), helper.make_opsetid("own", 1)]
    function = helper.make_function(
        "own", "F", ["a"], ["b"], [helper.make_node("F", ["a"], ["b"], domain="own")], opsets
    )
    model = helper.make_model(graph, opset_imports=opsets, functions=[function], ir_version=9)
    return bytes(model.SerializeToString())


def external(place: str = "initializer", location: str = "../secret.bin") -> bytes:
    """A tensor whose values are in another file: an initializer, a Constant, a sparse one, in a graph or a function."""
    tensor = TensorProto(name="secret", data_type=FLOAT, dims=[2], data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value=location)
    model = onnx.load_model_from_string(plain_add())
    constant = helper.make_node("Constant", [], ["secret"], value=tensor)
    if place == "initializer":
        model.graph.initializer.append(tensor)
    elif place == "attribute":
        model.graph.node.insert(0, constant)
    elif place == "sub-graph":
        inner = helper.make_graph([constant], "g", [], [helper.make_tensor_value_info("secret", FLOAT, [2])])
        yes = helper.make_node("Constant", [], ["yes"], value=numpy_helper.from_array(np.array(True)))
        branch = helper.make_node("If", ["yes"], ["secret"], then_branch=inner, else_branch=inner)
        model.graph.node.insert(0, branch)
        model.graph.node.insert(0, yes)
    elif place == "function":
        opsets = [helper.make_opsetid("", 19)]
        model.functions.append(helper.make_function("own", "F", [], ["secret"], [constant], opsets))
        model.graph.node.insert(0, helper.make_node("F", [], ["secret"], domain="own"))
        model.opset_import.append(helper.make_opsetid("own", 1))
    else:
        _hide(model, tensor, place)
    return bytes(model.SerializeToString())


def _hide(model: onnx.ModelProto, tensor: TensorProto, place: str) -> None:
    """Puts a tensor where few look for one."""
    sparse = onnx.SparseTensorProto(dims=[2], values=tensor, indices=numpy_helper.from_array(np.array([0, 1])))
    graph = helper.make_graph([], "hidden", [], [], [tensor])
    kinds = onnx.AttributeProto
    attributes = {
        "sparse attribute": kinds(name="a", type=kinds.SPARSE_TENSOR, sparse_tensor=sparse),
        "list of tensors": kinds(name="a", type=kinds.TENSORS, tensors=[tensor]),
        "list of graphs": kinds(name="a", type=kinds.GRAPHS, graphs=[graph]),
        "sub-graph's initializer": kinds(name="a", type=kinds.GRAPH, g=graph),
        "function's default": kinds(name="a", type=kinds.TENSOR, t=tensor),
    }
    if place == "sparse":
        model.graph.sparse_initializer.append(sparse)
    elif place == "training":
        model.training_info.add().algorithm.CopyFrom(graph)
    elif place == "function's default":
        function = helper.make_function("own", "F", ["x"], ["y"], [], [helper.make_opsetid("", 19)])
        function.attribute_proto.append(attributes[place])
        model.functions.append(function)
    else:
        model.graph.node[0].attribute.append(attributes[place])


def plain_add() -> bytes:
    """``Y = X + secret``, without the secret."""
    return onnx_file([helper.make_node("Add", ["X", "secret"], ["Y"])], N2, Y2)


def stamped(data: bytes, *, ir: int | None = None, domain: str = "", opset: int | None = None) -> bytes:
    """The same graph under another format number or operator set."""
    model = onnx.load_model_from_string(data)
    model.ir_version = ir or model.ir_version
    for entry in model.opset_import:
        if opset is not None and entry.domain == domain:
            entry.version = opset
    return bytes(model.SerializeToString())


def operator(name: str, domain: str = "") -> bytes:
    """One node of an operator."""
    model = onnx.load_model_from_string(onnx_file([helper.make_node(name, ["X"], ["Y"], domain=domain)], N2, Y2))
    if domain:
        model.opset_import.append(helper.make_opsetid(domain, 1))
    return bytes(model.SerializeToString())


def wrong_golden() -> bytes:
    """A model whose golden rows say what it does not answer."""
    model = onnx.load_model_from_string(classifier().data)
    said = {entry.key: entry.value for entry in model.metadata_props}
    said["dynonnx.golden"] = said["dynonnx.golden"].replace("setosa", "virginica")
    return with_metadata(classifier().data, said)


# What each is, and words of its refusal.
BAD: dict[str, tuple[Callable[[], bytes], str]] = {
    "empty": (lambda: b"", "is empty"),
    "truncated": (lambda: classifier().data[:-500], "ends in the middle"),
    "text": (lambda: b"this is not a model\n", "is text"),
    "web page": (lambda: b"<!DOCTYPE html>\n<html><body>Not found</body></html>", "is a web page"),
    "git-LFS pointer": (
        lambda: b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 9\n",
        "git-LFS pointer",
    ),
    "pickle": (lambda: b"\x80\x04\x95\x10\x00\x00\x00\x00\x00\x00\x00\x8c\x03abc\x94.", "is a pickle"),
    "random": (lambda: bytes((byte * 7 + 13) % 256 for byte in range(999)), "is damaged"),
    "ORT format": (lambda: b"\x18\x00\x00\x00ORTM" + bytes(64), "own format (ORT)"),
    "opset": (lambda: stamped(plain().data, opset=999), "uses opset 999 of ai.onnx"),
    "IR version": (lambda: stamped(plain().data, ir=99), "has IR version 99"),
    "domain": (lambda: operator("Foo", "my.own"), "operator 'Foo' of 'my.own'"),
    "operator": (lambda: operator("Foo"), "Foo"),
    "external data": (external, "keeps data in other files"),
    "folds to gigabytes": (folding_bomb, "MB of memory"),
    "calls itself": (calls_itself, "call each other in a circle"),
    "golden rows": (wrong_golden, "golden row"),
    "never ends": (endless, "its trial"),
}
