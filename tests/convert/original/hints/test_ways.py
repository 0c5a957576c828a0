"""The ways to the splits of a tree: which numbers lead there, and how many are followed."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.tree import DecisionTreeRegressor

from convert.exporters.registry import TreeSplits
from convert.original.hints.ways import Stretch, ways_to_splits

GONE = np.nan
# 0: x0 <= 5 ? 1 : 2   1: x1 <= 3 ? 3 : 4   2: categories   4: x0 <= 2 ? 5 : 6
TREE = TreeSplits(
    columns=np.array([0, 1, 7, 0, 0, 0, 0]),
    thresholds=np.array([5.0, 3.0, GONE, GONE, 2.0, GONE, GONE]),
    left=np.array([1, 3, 0, 0, 5, 0, 0]),
    right=np.array([2, 4, 0, 0, 6, 0, 0]),
)


def test_a_way_says_between_which_numbers_each_column_lies_and_what_is_asked_at_its_end() -> None:
    first, second, last = ways_to_splits([TREE])
    assert first == {0: pytest.approx(Stretch(-np.inf, np.inf, 5.0))}
    assert set(second) == {0, 1}
    assert second[0][:2] == (-np.inf, 5.0)
    assert np.isnan(second[0].at)
    assert last[0] == Stretch(-np.inf, 5.0, 2.0)
    assert last[1][:2] == (3.0, np.inf)


def test_a_split_that_only_parts_missing_values_leads_to_nothing_else() -> None:
    parting = TreeSplits(
        np.array([0, 0, 1, 0, 0]),
        np.array([np.inf, GONE, 4.0, GONE, GONE]),
        np.array([1, 0, 3, 0, 0]),
        np.array([2, 0, 4, 0, 0]),
    )
    behind = ways_to_splits([parting])[1]
    assert behind[0][:2] == (np.inf, np.inf)


def test_of_very_many_splits_some_are_followed_and_the_same_ones_each_time() -> None:
    x = np.random.default_rng(0).normal(size=(500, 3))
    fitted = DecisionTreeRegressor().fit(x, x[:, 0]).tree_
    splits = fitted.children_left >= 0
    tree = TreeSplits(
        fitted.feature, np.where(splits, fitted.threshold, GONE), fitted.children_left, fitted.children_right
    )
    assert len(ways_to_splits([tree])) == int(splits.sum()) > 100
    few = ways_to_splits([tree], most=20)
    assert len(few) == 20
    assert str(few) == str(ways_to_splits([tree], most=20))
