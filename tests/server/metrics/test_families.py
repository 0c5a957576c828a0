"""The families: names are unique, and each has the cells that its kind, buckets and labels need."""

from __future__ import annotations

import pytest

from server.metrics.families import DISPATCH_REASONS, MODEL_FAMILIES, SERVER_FAMILIES, Family

BUCKETS = (1.0, 2.0, 4.0)


@pytest.mark.parametrize(
    ("family", "cells"),
    [
        (Family("a", "counter", ""), 1),
        (Family("a", "gauge", ""), 1),
        (Family("a", "counter", "", label="reason", label_values=DISPATCH_REASONS), len(DISPATCH_REASONS)),
        (Family("a", "counter", "", BUCKETS), 4),
        (Family("a", "histogram", "", BUCKETS), 5),
    ],
)
def test_cells(family: Family, cells: int) -> None:
    assert family.cells == cells


def test_names_are_unique_and_buckets_grow() -> None:
    families = (*MODEL_FAMILIES, *SERVER_FAMILIES)
    assert len({family.name for family in families}) == len(families)
    for family in families:
        assert list(family.buckets) == sorted(set(family.buckets))
        assert bool(family.label) == (family.label_values != ("",))
