"""Owns a finished graph made anew with products in float32. Pure; knows nothing of estimators, proofs and speed.

A product of rows with constants in float64 becomes one in float32, and what activations make of it stays float32 into
the next. Numbers beyond what float32 can multiply are cut off, so that a huge one does not become infinite.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from convert.graph.messages import needed

PRODUCTS = frozenset({"Gemm", "MatMul"})
ACTIVATIONS = frozenset({"Relu", "Sigmoid", "Tanh"})
FARTHEST = 1e20  # times the weights of several layers it is still a float32


def in_single(model: ModelProto) -> ModelProto | None:
    """The same graph with its products in float32; None where it has no product of rows with constants in float64."""
    making = _Making(model)
    nodes = [made for node in model.graph.node for made in making.in_place_of(node)]
    if not making.singles:
        return None
    kept = needed(nodes, {output.name for output in model.graph.output})
    used = {name for node in kept for name in node.input}
    made = ModelProto()
    made.CopyFrom(model)
    del made.graph.node[:], made.graph.initializer[:]
    made.graph.node.extend(kept)
    made.graph.initializer.extend(tensor for name, tensor in making.constants.items() if name in used)
    return made


class _Making:
    """The nodes of a graph in turn. ``singles``: by the name of a float64 tensor that of its float32 stand-in."""

    def __init__(self, model: ModelProto) -> None:
        self.constants = {tensor.name: tensor for tensor in model.graph.initializer}
        self.singles: dict[str, str] = {}

    def in_place_of(self, node: NodeProto) -> Iterator[NodeProto]:
        """The nodes that stand where this one did. What nobody reads of theirs is for the caller to leave out."""
        product = node.op_type in PRODUCTS and self._is_by_constants(node)
        if not product and not (node.op_type in ACTIVATIONS and node.input[0] in self.singles):
            yield node
            return
        if node.input[0] not in self.singles:
            yield from self._cast_rows(node.input[0])
        single = NodeProto()
        single.CopyFrom(node)
        single.input[:] = [self.singles[node.input[0]], *map(self._rounded, node.input[1:])]
        single.output[:] = [self.singles.setdefault(node.output[0], _single(node.output[0]))]
        yield single
        yield helper.make_node("Cast", single.output, node.output, to=TensorProto.DOUBLE)

    def _is_by_constants(self, node: NodeProto) -> bool:
        others = [self.constants.get(name) for name in node.input[1:]]
        doubles = all(tensor is not None and tensor.data_type == TensorProto.DOUBLE for tensor in others)
        return doubles and node.input[0] not in self.constants

    def _cast_rows(self, name: str) -> Iterator[NodeProto]:
        bounds = [self._constant(f"farthest_{sign}", np.array(sign * FARTHEST)) for sign in (-1, 1)]
        self.singles[name] = _single(name)
        yield helper.make_node("Clip", [name, *bounds], [f"{name}_cut"])
        yield helper.make_node("Cast", [f"{name}_cut"], [self.singles[name]], to=TensorProto.FLOAT)

    def _rounded(self, name: str) -> str:
        return self._constant(_single(name), numpy_helper.to_array(self.constants[name]).astype(np.float32))

    def _constant(self, name: str, values: np.ndarray[tuple[int, ...], np.dtype[np.floating]]) -> str:
        self.constants.setdefault(name, numpy_helper.from_array(values, name))
        return name


def _single(name: str) -> str:
    return f"{name}_single"
