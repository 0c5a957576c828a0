"""Owns the opening of what LightGBM wrote, and what all boosters keep. Needs none itself. Plain Python 3.8.

A booster is read from the text or bytes in its state, never from a path; everything else in the state is plain data.
Their readers are compiled code, which believes much: what can be seen from outside is checked before or after.
"""

from __future__ import annotations

import copy
import re
from typing import Any

import numpy as np

from convert.errors import Refused
from convert.opening.plain import is_plain
from convert.opening.refusal import hostile

NOT_KEPT = ("train_set", "valid_sets", "network", "_network", "handle", "_handle")
MOST_COLUMNS = 1 << 24
WRITTEN_BY = "_written_by"  # until the builder takes it: what a booster's state told of the release that wrote it
FORMAT = re.compile(r"version=v(\d{1,3})")


def described(state: Any, key: str) -> tuple[Any, dict[str, Any]]:
    """The model and the plain rest of a state."""
    if type(state) is not dict or not all(type(name) is str for name in state):
        raise hostile("the state of a booster is broken")
    rest = {name: value for name, value in state.items() if name not in (*NOT_KEPT, key)}
    if not is_plain(rest):
        raise hostile("a booster in the file holds something else than plain data")
    return state.get(key), copy.deepcopy(rest)  # a copy, as the file may still put other things into its own


def lightgbm_state(state: Any) -> dict[str, Any]:
    """What a LightGBM may read of a state: its text, whose trees were looked through, and plain data."""
    key = "_handle" if type(state) is dict and "_handle" in state else "handle"
    text, rest = described(state, key)
    if type(text) is not str:
        raise hostile("a LightGBM model in the file is no text")
    check_lightgbm(text)
    return {**rest, key: text}


def fill_lightgbm(booster: Any, state: Any) -> None:
    """From LightGBM's own text."""
    read = lightgbm_state(state)
    text = read.pop("_handle", None) or read.pop("handle")
    booster.__setstate__({"pandas_categorical": None, **read, "_handle": text})
    check_lightgbm(booster.model_to_string(num_iteration=-1))  # LightGBM may have found other lines than we did
    booster._network = False
    told = FORMAT.search(text[: text.find("\nTree=")])  # the first number of its releases is that of its format
    vars(booster)[WRITTEN_BY] = told[1] if told else ""


def check_lightgbm(text: str) -> None:
    """Refuses trees whose nodes point outside; LightGBM's reader does not look."""
    header, *trees = text.split("\nTree=")
    fields = dict(line.split("=", 1) for line in header.splitlines() if "=" in line)
    try:
        columns = int(fields["max_feature_idx"]) + 1
        if not 0 < columns < MOST_COLUMNS:
            raise hostile("a LightGBM model in the file has no usable count of columns")
        for tree in trees:
            lines = tree.split("\nend of trees")[0].splitlines()
            _check_lightgbm_tree(dict(line.split("=", 1) for line in lines if "=" in line), columns)
    except (KeyError, ValueError) as error:
        raise hostile("a LightGBM model in the file is broken") from error


def _check_lightgbm_tree(tree: dict[str, str], columns: int) -> None:
    leaves, sets = int(tree["num_leaves"]), int(tree["num_cat"])
    if tree.get("is_linear", "0") != "0":
        raise Refused("LightGBM's linear trees have no exporter", "fit with linear_tree=False, the default")
    if leaves < 1 or sets < 0:
        raise hostile("a LightGBM model in the file has a tree that is none")
    if leaves == 1:
        return
    feature, left, right, kinds, limits = (
        np.array(tree[name].split(" "), np.float64)
        for name in ("split_feature", "left_child", "right_child", "decision_type", "threshold")
    )
    if any(len(numbers) != leaves - 1 for numbers in (feature, left, right, kinds, limits)):
        raise hostile("a tree of LightGBM's in the file does not have all its nodes")
    if len(tree["leaf_value"].split(" ")) != leaves or ((feature < 0) | (feature >= columns)).any():
        raise hostile("a tree of LightGBM's in the file asks for columns or leaves that are not there")
    own, children = np.arange(leaves - 1), np.concatenate([left, right])
    inner = children[children >= 0]
    forward = ((left < 0) | (left > own)) & ((right < 0) | (right > own))
    outside = (inner >= leaves - 1).any() or (children < -leaves).any()
    if outside or not forward.all() or len(np.unique(children)) != len(children):
        raise hostile("a tree of LightGBM's in the file points outside its own nodes")
    if sets:
        bounds = np.array(tree["cat_boundaries"].split(" "), np.int64)
        words = len(tree["cat_threshold"].split(" "))
        asked = limits[kinds.astype(np.int64) & 1 == 1]
        if len(bounds) != sets + 1 or bounds[0] != 0 or (np.diff(bounds) < 0).any() or bounds[-1] != words:
            raise hostile("a tree of LightGBM's in the file has broken sets of categories")
        if ((asked < 0) | (asked >= sets)).any():
            raise hostile("a tree of LightGBM's in the file points outside its own sets of categories")
    elif (kinds.astype(np.int64) & 1).any():
        raise hostile("a tree of LightGBM's in the file points outside its own sets of categories")
