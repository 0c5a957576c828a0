"""Owns the making of what compiled code reads without looking: trees of every kind, splines. Knows no file formats.

A native object is filled once, from arrays of its own that were checked before, and no state reaches it afterwards.
Search trees of neighbours are not read at all, but built again from their points.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.ensemble._hist_gradient_boosting.common import PREDICTOR_RECORD_DTYPE
from sklearn.ensemble._hist_gradient_boosting.predictor import TreePredictor
from sklearn.metrics import _dist_metrics
from sklearn.neighbors import _ball_tree, _kd_tree
from sklearn.tree._tree import NODE_DTYPE as NODE
from sklearn.tree._tree import Tree

from convert.opening.allowlist import SEARCH, full_names
from convert.opening.inert import Inert
from convert.opening.plain import is_whole
from convert.opening.refusal import hostile
from convert.opening.watched import BITSET_WORDS

Array = np.ndarray[Any, Any]
MOST_DEGREE = 100
METRICS = frozenset(full for full in full_names(SEARCH) if full.startswith("sklearn.metrics._dist_metrics."))
SEARCH_TREES = full_names(SEARCH) - METRICS
NEIGHBOURS = {
    f"{kind}{width}": getattr(module, f"{kind}{width}")
    for module, kind in ((_ball_tree, "BallTree"), (_kd_tree, "KDTree"))
    for width in ("", "32", "64")
    if hasattr(module, f"{kind}{width}")
}


def _array(value: Any, kinds: str, dimensions: int) -> Array:
    if type(value) is not np.ndarray or value.dtype.kind not in kinds or value.ndim != dimensions:
        raise hostile("a tree or spline in the file is not made of plain arrays")
    return value.copy()


def make_tree(arguments: tuple[Any, ...]) -> Tree:
    """``Tree(n_features, n_classes, n_outputs)``, where each output has a count of classes."""
    if len(arguments) != 3 or not is_whole(arguments[0]):
        raise hostile("a tree in the file does not say how many columns it has")
    classes = _array(arguments[1], "i", 1).astype(np.intp)
    if not is_whole(arguments[2], 1) or len(classes) != arguments[2] or (classes < 1).any():
        raise hostile("a tree in the file does not say how many classes each output has")
    return Tree(arguments[0], classes, arguments[2])


def fill_tree(tree: Tree, state: Any) -> None:
    """The nodes and their values; none may point outside, and none may be reached by two ways."""
    if type(state) is not dict or not is_whole(state.get("max_depth")) or not is_whole(state.get("node_count"), 1):
        raise hostile("the state of a tree is broken")
    nodes, values = _array(state.get("nodes"), "V", 1), _array(state.get("values"), "f", 3)
    if len(nodes) != state["node_count"]:
        raise hostile("a tree in the file has more nodes than it holds")
    nodes = _with_missing(nodes)
    tree.__setstate__({**{name: state[name] for name in ("max_depth", "node_count")}, "nodes": nodes, "values": values})
    leaf = tree.children_left == -1  # any other number is read as the place of a child
    check_nodes(tree.children_left, tree.children_right, leaf, tree.feature, tree.n_features)
    if not _depth(tree.children_left, tree.children_right) <= tree.max_depth <= tree.node_count:
        raise hostile("a tree in the file is not as deep as it says")


def _with_missing(nodes: Array) -> Array:
    """Before 1.3 nodes did not say where a missing value goes; they were never given one."""
    names = nodes.dtype.names or ()
    if "missing_go_to_left" in names or not set(names) <= set(NODE.names):
        return nodes
    whole = np.zeros(len(nodes), NODE)
    for name in names:
        whole[name] = nodes[name]
    return whole


def check_nodes(left: Array, right: Array, leaf: Array, feature: Array, columns: int) -> None:
    """Refuses nodes that point outside, back, or to columns that are not there: reading them reads foreign memory."""
    own = np.arange(len(left))
    inside = leaf | ((left > own) & (right > own) & (left < len(own)) & (right < len(own)))
    if not (inside & (leaf | ((feature >= 0) & (feature < columns)))).all():
        raise hostile("a tree in the file points outside its own nodes")
    children = np.concatenate([left[~leaf], right[~leaf]])
    if len(np.unique(children)) != len(children):
        raise hostile("two branches of a tree in the file end in one node")


def _depth(left: Array, right: Array) -> int:
    level, depth = np.array([0]), 0
    while True:
        level = level[left[level] >= 0]
        if not len(level):
            return depth
        level, depth = np.concatenate([left[level], right[level]]), depth + 1


def fill_predictor(predictor: TreePredictor, state: Any) -> None:
    """The nodes and the sets of categories of one tree of gradient boosting by histograms.

    How wide its rows are is said elsewhere in the file, by columns and encoders before it: `opening.watched` looks.
    """
    if type(state) is not dict:
        raise hostile("the state of a tree is broken")
    nodes = _array(state.get("nodes"), "V", 1)
    if nodes.dtype != PREDICTOR_RECORD_DTYPE:
        nodes = nodes.astype(PREDICTOR_RECORD_DTYPE, casting="same_kind")
    sets = [_array(state.get(name), "u", 2) for name in ("binned_left_cat_bitsets", "raw_left_cat_bitsets")]
    if not len(nodes) or any(known.shape[1] != BITSET_WORDS for known in sets):
        raise hostile("the state of a tree is broken")
    leaf, categorical = nodes["is_leaf"] != 0, nodes["is_categorical"] != 0
    left, right, feature = (nodes[name].astype(np.int64) for name in ("left", "right", "feature_idx"))
    check_nodes(left, right, leaf, feature, np.iinfo(np.int64).max)
    if (nodes["bitset_idx"][categorical & ~leaf].astype(np.int64) >= min(len(known) for known in sets)).any():
        raise hostile("a tree in the file points outside its own sets of categories")
    predictor.nodes = nodes
    predictor.binned_left_cat_bitsets, predictor.raw_left_cat_bitsets = sets


class Metric:
    """What a file says of a distance, until a search tree is built with it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.state: tuple[float, Array, Array] | None = None

    def made(self) -> Any:
        """The distance itself, by scikit-learn's own constructor, which checks what it is given."""
        if self.state is None:
            raise hostile("a search tree in the file has no distance")
        kind, (p, vector, matrix) = getattr(_dist_metrics, self.name), self.state
        if self.name.startswith("Minkowski"):
            return kind(p, vector if len(vector) else None)
        if self.name.startswith("SEuclidean"):
            return kind(V=vector)
        return kind(VI=matrix) if self.name.startswith("Mahalanobis") else kind()


def make_metric(arguments: tuple[Any, ...]) -> Metric:
    """``newObj(EuclideanDistance64)``."""
    if len(arguments) != 1 or not isinstance(arguments[0], Inert) or arguments[0].full not in METRICS:
        raise hostile("a distance in the file is none of scikit-learn's")
    return Metric(arguments[0].full.rpartition(".")[2])


def fill_metric(metric: Metric, state: Any) -> None:
    """The power, the weights and the matrix."""
    if type(state) is not tuple or len(state) != 3 or type(state[0]) is not float:
        raise hostile("a distance in the file is broken")
    metric.state = (state[0], _array(state[1], "f", 1), _array(state[2], "f", 2))


def make_neighbours(arguments: tuple[Any, ...]) -> Any:
    """``newObj(KDTree)``."""
    full = arguments[0].full if len(arguments) == 1 and isinstance(arguments[0], Inert) else ""
    kind = full.rpartition(".")[2]
    if full not in SEARCH_TREES or kind not in NEIGHBOURS:
        raise hostile("a search tree in the file is none of scikit-learn's")
    return NEIGHBOURS[kind].__new__(NEIGHBOURS[kind])


def fill_neighbours(tree: Any, state: Any) -> None:
    """Built again from its points: the same tree, and nothing of the stored one is read."""
    if type(state) is not tuple or len(state) != 13 or not isinstance(state[11], Metric) or not is_whole(state[4], 1):
        raise hostile("the state of a search tree is broken")
    points = _array(state[0], "f", 2)
    weights = None if state[12] is None else _array(state[12], "f", 1)
    if weights is not None and len(weights) != len(points):
        raise hostile("a search tree in the file does not have a weight for each point")
    tree.__init__(points, leaf_size=state[4], metric=state[11].made(), sample_weight=weights)


def fill_spline(spline: Any, state: Any) -> None:
    """A BSpline by its own constructor, which checks that knots, coefficients and degree fit."""
    if type(state) is tuple and len(state) == 2:  # scipy 1.17 hands on to a spline that was filled before
        if type(state[0]).__name__ != "_BSpline" or not hasattr(state[0], "t"):
            raise hostile("the state of a spline is broken")
        spline.__setstate__((state[0], np.empty(0)))
        return
    if type(state) is not dict or not is_whole(state.get("k")) or state["k"] > MOST_DEGREE:
        raise hostile("the state of a spline is broken")
    coefficients = state.get("c")
    knots, values = _array(state.get("t"), "f", 1), _array(coefficients, "f", getattr(coefficients, "ndim", 1))
    given = state.get("extrapolate")
    extrapolate = given if type(given) is str else given is not False
    spline.__init__(knots, values, state["k"], extrapolate=extrapolate, axis=0)
    if "axis" in state and is_whole(state["axis"]) and state["axis"] < values.ndim:
        spline.axis = state["axis"]


NEEDS_STATE = (Tree, Metric, *NEIGHBOURS.values())
"""Without its state each of these holds memory that nobody wrote."""
