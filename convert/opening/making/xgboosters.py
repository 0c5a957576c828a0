"""Owns the opening of what XGBoost wrote. Needs no XGBoost: documents are read before its reader believes them.

The document is UBJSON, JSON in older pickles. What the compiled reader and the trees index by is compared with how long
it is: nodes, columns, outputs, sets of categories and the names of categories.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from convert.opening.making.boosters import WRITTEN_BY, described
from convert.opening.making.ubjson import read_ubjson
from convert.opening.refusal import hostile

Array = np.ndarray[Any, Any]
JSON = b'{"'
MOST_CATEGORY = 1 << 24  # XGBoost's own limit
PER_NODE = ("split_conditions", "default_left", "split_type", "base_weights", "parents", "loss_changes", "sum_hessian")
NOT_KEPT_BY_ALL = ("parents", "loss_changes", "sum_hessian")


def xgboost_state(state: Any) -> dict[str, Any]:
    """What an XGBoost may read of a state: its bytes, which were looked through, and plain data."""
    return _checked(state)[0]


def _checked(state: Any) -> tuple[dict[str, Any], str]:
    """The same, and the release that wrote it."""
    raw, rest = described(state, "handle")
    if type(raw) not in (bytes, bytearray):
        raise hostile("an XGBoost model in the file is not bytes")
    raw = bytes(raw)  # a copy, as the file may still write into its own
    written_by = check_xgboost_bytes(raw)
    return {**rest, "handle": bytearray(raw)}, written_by


def fill_xgboost(booster: Any, state: Any) -> None:
    """From XGBoost's own bytes."""
    read, written_by = _checked(state)
    booster.__setstate__(read)
    vars(booster)[WRITTEN_BY] = written_by


def check_xgboost_bytes(raw: bytes) -> str:
    """Refuses a document that XGBoost's reader, or its trees, would follow out of their memory.

    Answers the release that wrote it, as ``1.7.6``; nothing where it does not tell.
    """
    try:
        document = json.loads(raw, object_pairs_hook=_once) if raw.startswith(JSON) else read_ubjson(raw)
        model = document.get("Model", document)
        check_xgboost(model["learner"])
        return ".".join(str(int(part)) for part in model.get("version", ()))
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
        raise hostile("an XGBoost model in the file is broken") from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) != len(pairs):
        raise hostile("an XGBoost model in the file has a name twice")
    return dict(pairs)


def check_xgboost(learner: Any) -> None:
    """Refuses trees whose nodes point outside, and linear models without a weight for each column."""
    inner = learner["gradient_booster"]
    inner = inner.get("gbtree", inner).get("model", {})
    columns = int(learner["learner_model_param"]["num_feature"])
    trees, outputs = inner.get("trees", ()), _whole(inner.get("tree_info", ()))
    shape = [int(learner["learner_model_param"].get(name, 0)) for name in ("num_class", "num_target")]
    weights = learner["gradient_booster"].get("weight_drop", trees)
    if len(outputs) != len(trees) or len(weights) != len(trees) or ((outputs < 0) | (outputs >= max(1, *shape))).any():
        raise hostile("an XGBoost model in the file does not say what its trees are for")
    if "weights" in inner and len(inner["weights"]) != (columns + 1) * max(1, *shape):
        raise hostile("a linear model of XGBoost's in the file does not have a weight for each column")
    if "gbtree_model_param" in inner:
        _check_order(inner, len(trees))
    for tree in trees:
        _check_nodes(tree, columns)
        _check_sets(tree)
    _check_categories(inner.get("cats", {}), columns)


def _check_order(inner: Any, count: int) -> None:
    """As many trees as it says, each once, and rounds that lie among them."""
    rounds = _whole(inner.get("iteration_indptr", (0, count)))
    numbers = sorted(int(tree.get("id", at)) for at, tree in enumerate(inner["trees"]))
    whole = int(inner["gbtree_model_param"]["num_trees"]) == count and numbers == list(range(count))
    if not whole or (len(rounds) and (rounds[0] != 0 or rounds[-1] != count or (np.diff(rounds) < 0).any())):
        raise hostile("an XGBoost model in the file does not have the trees that it counts")


def _check_nodes(tree: Any, columns: int) -> None:
    left, right, feature = (_whole(tree[name]) for name in ("left_children", "right_children", "split_indices"))
    if not 0 < len(left) == len(right) == len(feature) == int(tree.get("tree_param", {}).get("num_nodes", len(left))):
        raise hostile("a tree of XGBoost's in the file does not have all its nodes")
    own, leaf = np.arange(len(left)), left == -1
    inside = leaf | ((left > own) & (right > own) & (left < len(own)) & (right < len(own)))
    inside &= leaf | ((feature >= 0) & (feature < columns))
    lengths = [len(tree[name]) for name in PER_NODE if name in tree or name not in NOT_KEPT_BY_ALL]
    if not inside.all() or min(lengths) < len(left):
        raise hostile("a tree of XGBoost's in the file points outside its own nodes")


def _check_sets(tree: Any) -> None:
    nodes, starts, sizes, members = (
        _whole(tree[f"categories{part}"]) for part in ("_nodes", "_segments", "_sizes", "")
    )
    sound = len(nodes) == len(starts) == len(sizes) and bool((np.diff(nodes) > 0).all())
    sound &= not len(members) or bool(members.min() >= 0 and members.max() < MOST_CATEGORY)
    if sound and len(nodes):
        sound &= bool(nodes.min() >= 0 and nodes.max() < len(tree["left_children"]))
        ends = [int(start) + int(size) for start, size in zip(starts, sizes)]  # noqa: B905  3.8 has no strict
        sound &= bool(starts.min() >= 0 and sizes.min() >= 0 and max(ends) <= len(members))
    if not sound:
        raise hostile("a tree of XGBoost's in the file points outside its own sets of categories")


def _check_categories(kept: Any, columns: int) -> None:
    """The names of categories, column by column, as XGBoost 3.1 and later keep them."""
    if not kept or not len(kept.get("enc", ())):
        return
    counts = []
    for entry in kept["enc"]:
        ends = _whole(entry["offsets"]) if "offsets" in entry else None
        if (
            ends is not None
            and len(ends)
            and (ends[0] != 0 or (np.diff(ends) < 0).any() or ends[-1] != len(entry["values"]))
        ):
            raise hostile("the names of categories of an XGBoost model in the file do not fit together")
        counts.append(len(entry["values"]) if ends is None else max(0, len(ends) - 1))
    segments, order = _whole(kept["feature_segments"]), _whole(kept["sorted_idx"])
    fits = (
        len(counts) == columns and segments.tolist() == [0, *np.cumsum(counts).tolist()] and len(order) == sum(counts)
    )
    limits = np.repeat(counts, counts) if fits else np.zeros(0)
    if not fits or ((order < 0) | (order >= limits)).any():
        raise hostile("the names of categories of an XGBoost model in the file do not fit together")


def _whole(values: Any) -> Array:
    """A vector of whole numbers. Raises ValueError for anything else."""
    array = np.asarray(values)
    if array.ndim != 1 or (len(array) and array.dtype.kind not in "iu"):
        raise ValueError("no whole numbers")
    return array.astype(np.int64)
