"""Sums over trees: as walking each tree by hand gives them, whichever operator holds them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from onnx import ModelProto

from convert.errors import Refused
from convert.exporters.parts import forest as forests
from convert.exporters.parts.forest import Forest, Leaves
from convert.graph.graph import Array, Graph
from server.artefact.runtime import Runtime

WIDTH = 4


def grown(random: np.random.Generator, depth: int, targets: int) -> dict[str, Any]:
    """A tree of whole numbers, some of whose branches end early; a leaf adds to one of the targets."""
    left, right, features, thresholds = [0], [0], [0], [0.0]
    waiting = [(0, depth)]
    while waiting:
        node, below = waiting.pop()
        if not below or (node and random.random() < 0.2):
            continue
        left[node], right[node] = len(left), len(left) + 1
        features[node], thresholds[node] = int(random.integers(WIDTH)), float(random.integers(-2, 3))
        for column in (left, right, features, thresholds):
            column += [0, 0] if column is not thresholds else [0.0, 0.0]
        waiting += [(left[node], below - 1), (right[node], below - 1)]
    leaf = np.array(left) == 0
    values = np.zeros((len(left), targets))
    values[np.arange(len(left)), random.integers(targets, size=len(left))] = random.integers(-1, 2, len(left))
    return {
        "features": np.array(features),
        "thresholds": np.array(thresholds),
        "left": np.array(left),
        "right": np.array(right),
        "missing_left": random.random(len(left)) < 0.5,
        "leaves": Leaves(leaf, values),
    }


def walked(tree: dict[str, Any], row: Array) -> Array:
    node = 0
    while not tree["leaves"].at[node]:
        value = row[tree["features"][node]]
        goes_left = tree["missing_left"][node] if np.isnan(value) else value <= tree["thresholds"][node]
        node = int(tree["left" if goes_left else "right"][node])
    return np.asarray(tree["leaves"].values[node])


def chained(levels: int) -> dict[str, Any]:
    """A tree each of whose branches has one leaf and one branch."""
    branches = np.arange(levels)
    left, right = (np.concatenate([of, np.zeros(levels + 1, np.int64)]) for of in (levels + branches, branches + 1))
    right[levels - 1] = 2 * levels
    leaf = np.arange(2 * levels + 1) >= levels
    values = np.where(leaf, np.arange(len(leaf)), 0)[:, None] / 7
    count = len(leaf)
    features, thresholds = np.zeros(count, np.int64), np.arange(count, dtype=np.float64)
    ways = {"features": features, "thresholds": thresholds, "left": left, "right": right}
    return {**ways, "missing_left": np.zeros(count, np.bool_), "leaves": Leaves(leaf, values)}


def made(trees: list[dict[str, Any]], dtype: Any) -> ModelProto:
    graph = Graph()
    forest = Forest()
    for tree in trees:
        forest.add(**tree)
    summed = forest.emit(graph.input("X", dtype, WIDTH)).cast(np.float64)
    return graph.finish({"y": summed}, {"y": (trees[0]["leaves"].values.shape[1],)})


def operators(model: ModelProto) -> list[str]:
    return [node.op_type for node in model.graph.node if node.op_type.startswith("Tree")]


def agrees(trees: list[dict[str, Any]], dtype: Any) -> list[str]:
    """Compares on rows at the thresholds, between them, and with what is missing; answers the tree operators."""
    random = np.random.default_rng(1)
    rows = random.integers(-6, 7, (200, WIDTH)) / 2
    rows[random.random(rows.shape) < 0.1] = np.nan
    model = made(trees, dtype)
    got = Runtime(model.SerializeToString()).run(["y"], {"X": rows.astype(dtype)})[0]
    np.testing.assert_array_equal(got, [np.sum([walked(tree, row) for tree in trees], axis=0) for row in rows])
    return operators(model)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("targets", [1, 3])
@pytest.mark.parametrize("depth", [1, 2, 5])
def test_leaves_of_one_target_stand_in_a_tree_ensemble(dtype: Any, targets: int, depth: int) -> None:
    random = np.random.default_rng(depth)
    assert agrees([grown(random, depth, targets) for _ in range(30)], dtype) == ["TreeEnsemble"]


def test_trees_that_are_one_leaf_stand_beside_others() -> None:
    random = np.random.default_rng(0)
    trees = [grown(random, depth, 2) for depth in (0, 3, 0, 0, 1, 0)]
    assert agrees(trees, np.float64) == ["TreeEnsemble"]
    assert agrees(trees[:1] * 2, np.float64) == ["TreeEnsembleRegressor"]  # nothing varies, as the proof must see


def test_leaves_of_several_targets_stand_in_the_older_operator() -> None:
    random = np.random.default_rng(0)
    trees = [grown(random, 3, 3) for _ in range(5)]
    values = trees[2]["leaves"].values
    values[trees[2]["leaves"].at] = [1.0, 0.0, 2.0]
    for dtype in (np.float32, np.float64):
        assert agrees(trees, dtype) == ["TreeEnsembleRegressor"]


def test_many_nodes_stand_in_several_operators(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    trees = [grown(random, 4, 2) for _ in range(12)]
    monkeypatch.setattr(forests, "PART_NODES", 2 * max(len(tree["left"]) for tree in trees))
    assert set(found := agrees(trees, np.float64)) == {"TreeEnsemble"}
    assert 4 <= len(found) <= 8


def test_equal_leaves_are_one() -> None:
    random = np.random.default_rng(0)
    model = made([grown(random, 6, 2) for _ in range(30)], np.float32)
    (weights,) = (a.t for a in model.graph.node[0].attribute if a.name == "leaf_weights")
    assert weights.dims[0] <= 8  # -1, 0 and 1 for two targets, and again where a root has one on both sides
    assert {(opset.domain, opset.version) for opset in model.opset_import} == {("", 18), ("ai.onnx.ml", 5)}


def test_a_tree_that_is_too_deep_is_refused_with_its_depth_and_what_helps() -> None:
    deep = forests.MOST_LEVELS + 1
    with pytest.raises(Refused, match=f"{deep:,} levels deep") as refusal:
        Forest().add(**chained(deep))
    assert f"max_depth={forests.MOST_LEVELS}" in refusal.value.remedy


def test_the_deepest_tree_answers_as_walked() -> None:
    tree = chained(forests.MOST_LEVELS)
    rows = np.array([[-1.0, 0, 0, 0], [forests.MOST_LEVELS - 1.5, 0, 0, 0], [1e9, 0, 0, 0]])
    (got,) = Runtime(made([tree], np.float64).SerializeToString()).run(["y"], {"X": rows})
    np.testing.assert_allclose(got, [walked(tree, row) for row in rows])
