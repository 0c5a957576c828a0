"""Owns what trees and boosters give away of the columns they see: what they compare with, and how rows get there.

Knows nothing of wrappers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from convert.errors import Refused
from convert.exporters.registry import BoosterHints, TreeSplits
from convert.original.hints.column_hints import ColumnView, Views, note_marker, note_points, note_values
from convert.original.hints.ways import Stretch, ways_to_splits


def note_trees(model: Any, views: Views) -> None:
    """Notes what scikit-learn's own tree, or the trees of a forest, compare with."""
    asked = []
    for fitted, columns in _trees(model):
        splits = fitted.children_left >= 0
        owners = fitted.feature if columns is None else np.asarray(columns)[np.where(splits, fitted.feature, 0)]
        thresholds = np.where(splits, fitted.threshold, np.nan)
        asked.append(TreeSplits(owners, thresholds, fitted.children_left, fitted.children_right))
    _note(model, asked, views)


def _trees(model: Any) -> Iterable[tuple[Any, Any]]:
    """The trees of a tree or a forest, each with the columns it was given; None where it was given all."""
    if hasattr(model, "tree_"):
        yield model.tree_, None
    members = np.ravel(np.asarray(getattr(model, "estimators_", []), object))
    for member, columns in zip(members, getattr(model, "estimators_features_", [None] * len(members)), strict=True):
        if hasattr(member, "tree_"):
            yield member.tree_, columns


def note_histograms(model: Any, views: Views) -> None:
    """Notes what gradient boosting by histograms compares with; ``views`` in the order of its trees."""
    asked = []
    for nodes in (predictor.nodes for stage in model._predictors for predictor in stage):
        of_numbers = (nodes["is_leaf"] == 0) & (nodes["is_categorical"] == 0)
        thresholds = np.where(of_numbers, nodes["num_threshold"], np.nan)
        asked.append(TreeSplits(nodes["feature_idx"], thresholds, nodes["left"], nodes["right"]))
    _note(model, asked, views)


def note_booster(find: Callable[[Any], BoosterHints], model: Any, views: Views) -> None:
    """Notes what a booster of another library compares with, and its categories. Raises Refused."""
    try:
        told = find(model)
    except Refused as refusal:
        refusal.where = refusal.where or type(model).__name__
        raise
    for column, view in enumerate(views):
        if view:
            note_points(view, told.points.get(column, []))
            note_marker(view, getattr(model, "missing", np.nan))  # XGBoost's
            view.hint.known += [float(code) for code in view.inverse(np.array(told.codes.get(column, []), np.float64))]
            if column in told.categories:
                note_values(view, np.array(told.categories[column], object))
                view.hint.native, view.hint.closed = True, told.closed
    _note_ways(model, told.trees, views)


def _note(model: Any, trees: list[TreeSplits], views: Views) -> None:
    for tree in trees:
        asked = ~np.isnan(tree.thresholds)
        for column in np.unique(tree.columns[asked]):
            view = views[column] if column < len(views) else None
            if view:
                note_points(view, tree.thresholds[asked & (tree.columns == column)])
    _note_ways(model, trees, views)


def _note_ways(model: Any, trees: Iterable[TreeSplits], views: Views) -> None:
    for number, way in enumerate(ways_to_splits(list(trees))):
        for column, stretch in way.items():
            view = views[column] if column < len(views) else None
            if view:
                view.hint.ways[id(model), number] = _in_the_input(view, stretch)


def _in_the_input(view: ColumnView, stretch: Stretch) -> Stretch:
    """A stretch of the input column: the way back may turn it round."""
    with np.errstate(all="ignore"):
        low, high, at = (float(value) for value in view.inverse(np.array([stretch.low, stretch.high, stretch.at])))
    return Stretch(high, low, at) if high < low and stretch.low < stretch.high else Stretch(low, high, at)
