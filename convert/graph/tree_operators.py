"""Owns that all trees of a graph stand in one operator. Knows nothing of whose trees they are.

`TreeEnsemble` came with the release of ai.onnx.ml that withdrew `TreeEnsembleRegressor`, so a file can hold either, not
both. Only the latter's leaves add to several targets: where one is needed, all trees are written so. It answers in
float32, whatever it sums in.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from onnx import NodeProto, TensorProto, helper, numpy_helper

ML = "ai.onnx.ml"
LATER, EARLIER = "TreeEnsemble", "TreeEnsembleRegressor"

Array = np.ndarray[Any, Any]


def in_one_operator(nodes: Sequence[NodeProto]) -> list[NodeProto]:
    """The nodes as they are, or each `TreeEnsemble` as a `TreeEnsembleRegressor` where there are both."""
    if not {LATER, EARLIER} <= {node.op_type for node in nodes}:
        return list(nodes)
    return [made for node in nodes for made in (_rewritten(node) if node.op_type == LATER else [node])]


def _rewritten(node: NodeProto) -> list[NodeProto]:
    given = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
    splits, weights = (numpy_helper.to_array(given[name]) for name in ("nodes_splits", "leaf_weights"))
    double = splits.dtype == np.float64
    answer = f"{node.output[0]}_single" if double else node.output[0]
    attributes = _attributes(given)
    branches, leaves = attributes.pop("branches"), attributes.pop("leaves")
    values = np.zeros(len(branches), splits.dtype)
    values[branches >= 0] = splits[branches[branches >= 0]]
    for name, numbers in (("nodes_values", values), ("target_weights", weights[leaves])):
        if double:
            attributes[f"{name}_as_tensor"] = numpy_helper.from_array(numbers)
        else:
            attributes[name] = numbers.tolist()
    made = helper.make_node(
        EARLIER, list(node.input), [answer], domain=ML, aggregate_function="SUM", post_transform="NONE", **attributes
    )
    if not double:
        return [made]
    return [made, helper.make_node("Cast", [answer], [node.output[0]], to=TensorProto.DOUBLE)]


def _attributes(given: dict[str, Any]) -> dict[str, Any]:
    """Those of the earlier operator; and by node which ``branches`` it is, -1 for a leaf, and for the leaves which.

    Here each tree has leaves of its own, numbered behind its branches.
    """
    roots = np.asarray(given["tree_roots"])
    branch = np.arange(len(given["nodes_featureids"]))
    tree = np.searchsorted(roots, branch, "right") - 1
    own = branch - roots[tree]
    sides = [
        (given["nodes_truenodeids"], given["nodes_trueleafs"]),
        (given["nodes_falsenodeids"], given["nodes_falseleafs"]),
    ]
    ends = [np.flatnonzero(np.asarray(is_leaf)) for _, is_leaf in sides]
    of_leaf = np.concatenate([tree[end] for end in ends])
    leaf = np.concatenate([np.asarray(to)[end] for (to, _), end in zip(sides, ends, strict=True)])
    order = np.argsort(of_leaf, kind="stable")
    counts, starts = np.bincount(tree), np.searchsorted(of_leaf[order], np.arange(len(roots)))
    number = np.empty(len(leaf), np.int64)
    number[order] = counts[of_leaf[order]] + np.arange(len(leaf)) - starts[of_leaf[order]]
    ways = []
    for (to, _), end, numbers in zip(sides, ends, np.split(number, [len(ends[0])]), strict=True):
        way = np.asarray(to).copy()
        way[end] = 0
        way = own[way]
        way[end] = numbers
        ways.append(np.concatenate([way, np.zeros(len(leaf), np.int64)]))
    trees, numbers = np.concatenate([tree, of_leaf]), np.concatenate([own, number])
    branches = np.concatenate([branch, np.full(len(leaf), -1)])
    place = np.lexsort((numbers, trees))
    fitting = branches[place]
    made = {
        "n_targets": given["n_targets"],
        "nodes_treeids": trees[place].tolist(),
        "nodes_nodeids": numbers[place].tolist(),
        "nodes_featureids": _by_branch(given["nodes_featureids"], fitting).tolist(),
        "nodes_modes": np.where(fitting < 0, "LEAF", "BRANCH_LEQ").tolist(),
        "nodes_truenodeids": ways[0][place].tolist(),
        "nodes_falsenodeids": ways[1][place].tolist(),
        "target_nodeids": number.tolist(),
        "target_treeids": of_leaf.tolist(),
        "target_ids": np.asarray(given["leaf_targetids"])[leaf].tolist(),
        "branches": fitting,
        "leaves": leaf,
    }
    missing = given.get("nodes_missing_value_tracks_true")
    return (
        made if missing is None else {**made, "nodes_missing_value_tracks_true": _by_branch(missing, fitting).tolist()}
    )


def _by_branch(values: Sequence[int], branches: Array) -> Array:
    """[nodes]: each branch's own of ``values``; 0 for a leaf."""
    return np.where(branches < 0, 0, np.asarray(values)[branches])
