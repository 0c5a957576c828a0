"""Functions of a file are counted as often as they are called, before ONNX Runtime puts them in."""

from __future__ import annotations

from collections import Counter

import pytest
from onnx import FunctionProto, TensorProto, helper

from server.artefact.functions import expanded_nodes
from server.artefact.onnxfile import read_onnxfile
from server.artefact.wire import BadFile

OPSETS = [helper.make_opsetid("", 18), helper.make_opsetid("f", 1)]


def function(name: str, *callees: str) -> FunctionProto:
    """A function that hands its value through others."""
    between = [f"v{at}" for at in range(len(callees) - 1)]
    domains = ["f" if callee.startswith("f") else "" for callee in callees]
    nodes = [
        helper.make_node(callee, [before], [after], domain=domain)
        for callee, before, after, domain in zip(callees, ["a", *between], [*between, "b"], domains, strict=True)
    ]
    return helper.make_function("f", name, ["a"], ["b"], nodes, OPSETS)


def file_with(*functions: FunctionProto) -> bytes:
    """A file whose graph calls ``f0`` of these functions."""
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, 1]) for name in "xy")
    graph = helper.make_graph([helper.make_node("f0", ["x"], ["y"], domain="f")], "g", [x], [y])
    made = helper.make_model(graph, opset_imports=OPSETS, functions=functions)
    return bytes(made.SerializeToString())


def test_functions_that_double_are_refused_before_they_are_put_in() -> None:
    doubling = [function(f"f{at}", f"f{at + 1}", f"f{at + 1}") for at in range(40)]
    with pytest.raises(BadFile, match="more than 200000 nodes"):
        read_onnxfile(file_with(*doubling, function("f40", "Identity")))


def test_functions_in_a_circle_are_refused() -> None:
    with pytest.raises(BadFile, match="in a circle"):
        read_onnxfile(file_with(function("f0", "f1"), function("f1", "f0")))


def test_a_few_functions_are_read() -> None:
    assert read_onnxfile(file_with(function("f0", "f1", "f1"), function("f1", "Identity"))).functions == {
        ("f", "f0"),
        ("f", "f1"),
    }


def test_what_is_called_twice_counts_twice() -> None:
    calls = {0: Counter({("f", "a"): 2, ("", "Add"): 1}), 1: Counter({("", "Mul"): 3})}
    assert expanded_nodes(calls, {("f", "a"): [1]}) == 7
    assert expanded_nodes(calls, {}) == 3
