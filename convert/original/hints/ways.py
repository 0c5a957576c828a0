"""Owns which rows reach a split deep in a tree: between which numbers each column then lies. Knows no estimators."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from convert.exporters.registry import TreeSplits

MOST_SPLITS = 9000  # of all the trees of one model are followed, evenly chosen

Split = tuple[int, int]  # by id the model, and the how manieth split of it


class Stretch(NamedTuple):
    """A column is above ``low`` and not above ``high``, or missing where nothing can be both.

    ``at`` is what the split compares with if it asks this column, else NaN.
    """

    low: float
    high: float
    at: float


Way = dict[int, Stretch]  # by column: those that are asked on the way, and at its end


def ways_to_splits(trees: Sequence[TreeSplits], most: int = MOST_SPLITS) -> list[Way]:
    """The ways to the splits of numbers, at most so many of them. Splits of categories on a way are left out."""
    splits = [(tree, node) for tree in trees for node in np.flatnonzero(~np.isnan(tree.thresholds)).tolist()]
    if len(splits) > most:
        chosen = np.sort(np.random.default_rng(0).choice(len(splits), most, replace=False))
        splits = [splits[at] for at in chosen.tolist()]
    parents = {id(tree): _parents(tree) for tree in {id(tree): tree for tree, _ in splits}.values()}
    return [_way(tree, parents[id(tree)], node) for tree, node in splits]


def _parents(tree: TreeSplits) -> list[int]:
    """Of each node the one above it; -1 of the root, which is the first."""
    parents = np.full(len(tree.thresholds), -1)
    inner = np.flatnonzero((tree.left > 0) & (tree.right > 0))
    parents[tree.left[inner]] = parents[tree.right[inner]] = inner
    parents[0] = -1
    return [int(parent) for parent in parents]


def _way(tree: TreeSplits, parents: Sequence[int], node: int) -> Way:
    own = int(tree.columns[node])
    low: dict[int, float] = {own: -np.inf}
    high: dict[int, float] = {own: np.inf}
    below, above = node, parents[node]
    for _ in parents:
        if above < 0:
            break
        column, threshold = int(tree.columns[above]), float(tree.thresholds[above])
        if not np.isnan(threshold):
            low.setdefault(column, -np.inf)
            high.setdefault(column, np.inf)
            if tree.left[above] == below:
                high[column] = min(high[column], threshold)
            else:
                low[column] = max(low[column], threshold)
        below, above = above, parents[above]
    at = float(tree.thresholds[node])
    return {column: Stretch(low[column], high[column], at if column == own else np.nan) for column in low}
