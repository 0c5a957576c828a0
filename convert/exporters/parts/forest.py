"""Owns the tree operators of a graph: a sum over trees, float32 or float64. Knows nothing of whose trees they are.

ONNX Runtime's operators for classifiers have tie and link rules of their own, so votes, links and labels are plain
nodes behind these. Of the two that sum, `TreeEnsemble` takes two fifths of the bytes and of the memory, but its leaves
add to one target each. docs/decisions.md: "Trees are written as TreeEnsemble".
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from onnx import numpy_helper

from convert.errors import Refused
from convert.graph.graph import ML, Array, Tensor

# Of one operator: while ONNX Runtime makes it, it takes 200 bytes a node beside those it keeps. docs/decisions.md: "A
# forest is opened in smaller parts".
PART_NODES = 1 << 17
MOST_LEVELS = 7000  # a server's trial ends at some 8,100: docs/decisions.md, "A trial has less stack than the process"
SUM, NO_TRANSFORM, LESS_OR_EQUAL = 1, 0, 0  # as TreeEnsemble numbers them


@dataclass(frozen=True, slots=True)
class Leaves:
    """Which nodes are leaves [nodes], and what each node adds to each target [nodes, targets]."""

    at: Array
    values: Array


@dataclass(frozen=True, slots=True)
class _Nodes:
    """Trees, or one: a row goes left where ``x[feature] <= threshold``, to a node by its place. All arrays [nodes], but
    ``roots`` [trees] and ``values`` [leaves, targets]."""

    features: Array
    thresholds: Array
    left: Array
    right: Array
    missing_left: Array
    leaf: Array
    values: Array
    roots: Array


@dataclass(slots=True)
class Forest:
    """Trees under construction."""

    _trees: list[_Nodes] = field(default_factory=list)

    def add(
        self, *, features: Array, thresholds: Array, left: Array, right: Array, missing_left: Array, leaves: Leaves
    ) -> None:
        """One tree of ``nodes`` nodes, the first its root; all arrays [nodes]. What a leaf has of them is not read."""
        _check_levels(left, right, leaves.at)
        inner, values = ~leaves.at, leaves.values[leaves.at]
        missing_left = np.asarray(missing_left, np.bool_) & inner
        thresholds = np.where(inner, thresholds, thresholds.dtype.type(0))
        ways = (features * inner, thresholds, left * inner, right * inner, missing_left)
        self._trees.append(_Nodes(*ways, leaves.at, values, np.zeros(1, np.int64)))

    def add_sklearn(self, nodes: Any, thresholds: Array, values: Array, features: Array | None = None) -> None:
        """A fitted ``sklearn.tree._tree.Tree``, with thresholds to compare with and what its leaves add.

        ``features`` are the columns that the tree was given, where it was not given all.
        """
        self.add(
            features=nodes.feature if features is None else features[np.maximum(nodes.feature, 0)],  # a leaf has -2
            thresholds=thresholds,
            left=nodes.children_left,
            right=nodes.children_right,
            missing_left=nodes.missing_go_to_left,
            leaves=Leaves(nodes.children_left < 0, values),
        )

    def emit(self, x: Tensor) -> Tensor:
        """The sum on ``x`` [rows, columns], float32 or float64: [rows, targets] of either."""
        branches = not all(tree.leaf[0] for tree in self._trees)
        alone = all((np.count_nonzero(tree.values, axis=1) <= 1).all() for tree in self._trees)
        write = _tree_ensemble if branches and alone else _regressor
        parts = [write(x, _joined(part)) for part in self._parts()]
        return parts[0] if len(parts) == 1 else x.graph.op("Sum", *parts)

    def _parts(self) -> Iterator[list[_Nodes]]:
        part: list[_Nodes] = []
        count = 0
        for tree in self._trees:
            if part and count + len(tree.leaf) > PART_NODES:
                yield part
                part, count = [], 0
            part.append(tree)
            count += len(tree.leaf)
        yield part


def _check_levels(left: Array, right: Array, leaf: Array) -> None:
    """Refuses a tree that ONNX Runtime, which goes down it function in function, would end the process with."""
    levels, here = 0, np.zeros(1, np.int64)
    while len(here := here[~leaf[here]]):
        levels, here = levels + 1, np.concatenate([left[here], right[here]])
    if levels > MOST_LEVELS:
        raise Refused(
            f"one of its trees is {levels:,} levels deep, and ONNX Runtime opens none of more than {MOST_LEVELS:,}",
            f"fit it with max_depth={MOST_LEVELS} or less: so deep a tree has learned its rows by heart",
        )


def _joined(trees: Sequence[_Nodes]) -> _Nodes:
    roots = np.cumsum([0, *(len(tree.leaf) for tree in trees[:-1])])
    return _Nodes(
        features=np.concatenate([tree.features for tree in trees]),
        thresholds=np.concatenate([tree.thresholds for tree in trees]),
        left=np.concatenate([tree.left + root for tree, root in zip(trees, roots, strict=True)]),
        right=np.concatenate([tree.right + root for tree, root in zip(trees, roots, strict=True)]),
        missing_left=np.concatenate([tree.missing_left for tree in trees]),
        leaf=np.concatenate([tree.leaf for tree in trees]),
        values=np.concatenate([tree.values for tree in trees]),
        roots=roots,
    )


def _tree_ensemble(x: Tensor, nodes: _Nodes) -> Tensor:
    """Branches and leaves are numbered apart, and equal leaves are one. A tree that is one leaf asks for nothing."""
    branch = ~nodes.leaf
    branch[nodes.roots] = True
    targets, weights, leaf_numbers = _unlike(nodes.values, x.dtype)
    numbers, as_leaves = np.cumsum(branch) - 1, np.zeros(len(branch), np.int64)
    as_leaves[nodes.leaf] = leaf_numbers
    left, right = nodes.left[branch], nodes.right[branch]
    left[nodes.leaf[branch]] = right[nodes.leaf[branch]] = nodes.roots[nodes.leaf[nodes.roots]]
    left_is_leaf, right_is_leaf = nodes.leaf[left], nodes.leaf[right]
    left = np.where(left_is_leaf, as_leaves[left], numbers[left])
    right = np.where(right_is_leaf, as_leaves[right], numbers[right])
    # ONNX Runtime takes a root with one leaf on both sides for a leaf, and its own number for that leaf's
    roots = numbers[nodes.roots]
    twice = roots[left_is_leaf[roots] & right_is_leaf[roots] & (left[roots] == right[roots])]
    right[twice] = len(weights) + np.arange(len(twice))
    targets, weights = (np.concatenate([values, values[left[twice]]]) for values in (targets, weights))
    missing_left = nodes.missing_left[branch].astype(np.int64)
    return x.graph.op(
        "TreeEnsemble",
        x,
        domain=ML,
        aggregate_function=SUM,
        post_transform=NO_TRANSFORM,
        n_targets=nodes.values.shape[1],
        tree_roots=roots.tolist(),
        nodes_featureids=nodes.features[branch].tolist(),
        nodes_splits=numpy_helper.from_array(nodes.thresholds[branch].astype(x.dtype)),
        nodes_modes=numpy_helper.from_array(np.full(len(left), LESS_OR_EQUAL, np.uint8)),
        nodes_truenodeids=left.tolist(),
        nodes_trueleafs=left_is_leaf.astype(np.int64).tolist(),
        nodes_falsenodeids=right.tolist(),
        nodes_falseleafs=right_is_leaf.astype(np.int64).tolist(),
        leaf_targetids=targets.tolist(),
        leaf_weights=numpy_helper.from_array(weights),
        **({"nodes_missing_value_tracks_true": missing_left.tolist()} if missing_left.any() else {}),
    )


def _unlike(values: Array, dtype: np.dtype[Any]) -> tuple[Array, Array, Array]:
    """Targets and weights of the leaves that differ, and for each row of ``values`` [leaves, targets] which it is."""
    targets = np.abs(values).argmax(axis=1)
    weights, codes = np.unique(values[np.arange(len(values)), targets].astype(dtype), return_inverse=True)
    keys, numbers = np.unique(codes * values.shape[1] + targets, return_inverse=True)
    return keys % values.shape[1], weights[keys // values.shape[1]], numbers


def _regressor(x: Tensor, nodes: _Nodes) -> Tensor:
    """Each leaf adds to all targets. The operator answers in float32, whatever it sums in."""
    counts = np.diff([*nodes.roots, len(nodes.leaf)])
    trees = np.repeat(np.arange(len(counts)), counts)
    first = np.repeat(nodes.roots, counts)
    count, targets = nodes.values.shape
    leaves = np.repeat(np.flatnonzero(nodes.leaf), targets)
    attributes: dict[str, Any] = {
        "nodes_treeids": trees.tolist(),
        "nodes_nodeids": (np.arange(len(first)) - first).tolist(),
        "nodes_featureids": nodes.features.tolist(),
        "nodes_modes": np.where(nodes.leaf, "LEAF", "BRANCH_LEQ").tolist(),
        "nodes_truenodeids": np.where(nodes.leaf, 0, nodes.left - first).tolist(),
        "nodes_falsenodeids": np.where(nodes.leaf, 0, nodes.right - first).tolist(),
        "target_nodeids": (leaves - first[leaves]).tolist(),
        "target_treeids": trees[leaves].tolist(),
        "target_ids": np.tile(np.arange(targets), count).tolist(),
    }
    if nodes.missing_left.any():
        attributes["nodes_missing_value_tracks_true"] = nodes.missing_left.astype(np.int64).tolist()
    for name, numbers in (("nodes_values", nodes.thresholds), ("target_weights", nodes.values.ravel())):
        if x.dtype == np.float64:
            attributes[f"{name}_as_tensor"] = numpy_helper.from_array(numbers.astype(np.float64))
        else:
            attributes[name] = numbers.tolist()
    return x.graph.op(
        "TreeEnsembleRegressor",
        x,
        dtype=np.float32,
        domain=ML,
        n_targets=targets,
        aggregate_function="SUM",
        post_transform="NONE",
        **attributes,
    )
