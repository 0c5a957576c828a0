"""Owns whether a graph, or a model of clusters, can answer at all otherwise than it does.

A tensor is constant where nothing that it is computed of hangs on an input's values: shapes do not, nor what is
multiplied by nothing but zeros, nor trees without a branch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from onnx import GraphProto, ModelProto, NodeProto, numpy_helper

from server.artefact.metadata import Feature

CENTRES = ("means_", "cluster_centers_", "subcluster_centers_")
SHAPES = frozenset({"Shape", "Size"})
PRODUCTS = frozenset({"MatMul", "Mul", "Gemm"})
TREES = frozenset({"TreeEnsembleRegressor", "TreeEnsembleClassifier"})


def is_constant(model: ModelProto) -> bool:
    """Whether every output is the same for every row; False where that cannot be seen."""
    graph = model.graph
    varying, zeros = {value.name for value in graph.input}, _zeros(graph)
    for node in graph.node:
        if _passes(node, varying, zeros):
            varying.update(node.output)
    return not varying & {output.name for output in graph.output}


def has_one_answer(model: Any, features: Sequence[Feature]) -> bool:
    """Whether there is but one row, or to a pipeline's last step one centre, or one target of the rows it remembers."""
    last = model.steps[-1][1] if hasattr(model, "steps") else model
    targets = getattr(last, "_y", None)
    if isinstance(targets, np.ndarray) and len(targets) and (targets == targets[:1]).all():
        return True
    if all(len(feature.categories or ()) == 1 and not feature.nullable for feature in features):
        return True
    return any(np.shape(getattr(last, name, ()))[:1] == (1,) for name in CENTRES)  # sparse ones have no length


def _passes(node: NodeProto, varying: set[str], zeros: set[str]) -> bool:
    """Whether this node's answer hangs on what varies."""
    if not varying & set(node.input) or node.op_type in SHAPES:
        return False
    if node.op_type in PRODUCTS and zeros & set(node.input[:2]):
        return bool(varying & set(node.input[2:]))
    return not (node.op_type in TREES and _has_no_branch(node))


def _zeros(graph: GraphProto) -> set[str]:
    stored = {tensor.name: tensor for tensor in graph.initializer}
    stored |= {node.output[0]: node.attribute[0].t for node in graph.node if node.op_type == "Constant"}
    return {name for name, tensor in stored.items() if not np.any(_numbers(tensor))}


def _numbers(tensor: object) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    values = numpy_helper.to_array(tensor)  # type: ignore[arg-type]
    return values != 0 if values.dtype.kind in "fiu" else np.ones(1, np.bool_)


def _has_no_branch(node: NodeProto) -> bool:
    modes = next((attribute.strings for attribute in node.attribute if attribute.name == "nodes_modes"), [b"?"])
    return all(mode == b"LEAF" for mode in modes)
