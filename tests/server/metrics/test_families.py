"""The families: names are unique, and each has the cells that its kind, buckets and labels need."""

from __future__ import annotations

from itertools import pairwise

import pytest

from server.metrics.families import DISPATCH_REASONS, MODEL_FAMILIES, SECONDS_BUCKETS, SERVER_FAMILIES, Family

BUCKETS = (1.0, 2.0, 4.0)


@pytest.mark.parametrize(
    ("family", "cells"),
    [
        (Family("a", "counter", ""), 1),
        (Family("a", "gauge", ""), 1),
        (Family("a", "counter", "", labels=(("reason", DISPATCH_REASONS),)), len(DISPATCH_REASONS)),
        (Family("a", "counter", "", BUCKETS), 4),
        (Family("a", "histogram", "", BUCKETS), 5),
        (Family("a", "histogram", "", BUCKETS, labels=(("b", ("1", "2")), ("c", ("x", "y", "z")))), 30),
    ],
)
def test_cells(family: Family, cells: int) -> None:
    assert family.cells == cells


def test_names_are_unique_and_buckets_grow() -> None:
    families = (*MODEL_FAMILIES, *SERVER_FAMILIES)
    assert len({family.name for family in families}) == len(families)
    for family in families:
        assert list(family.buckets) == sorted(set(family.buckets))
        assert len(set(family.label_sets)) == len(family.label_sets)


def test_label_sets_are_in_the_order_of_the_cells() -> None:
    family = Family("a", "counter", "", labels=(("b", ("1", "2")), ("c", ("x", "y"))))
    assert family.label_sets == ('b="1",c="x"', 'b="1",c="y"', 'b="2",c="x"', 'b="2",c="y"')
    assert Family("a", "counter", "").label_sets == ("",)


def test_seconds_are_told_apart_from_a_small_models_run_to_the_longest_deadline() -> None:
    assert SECONDS_BUCKETS[0] <= 0.00002
    assert {0.00005, 0.0005, 0.005, 0.05, 0.5, 5.0, 30.0} <= set(SECONDS_BUCKETS)
    assert all(upper <= 2 * lower for lower, upper in pairwise(SECONDS_BUCKETS))
