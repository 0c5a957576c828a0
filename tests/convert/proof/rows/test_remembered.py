"""Rows between those that a model remembers: some lie next to the middle of two, on either side."""

from __future__ import annotations

import numpy as np

from convert.original.hints.column_hints import ColumnHint
from convert.proof.rows.remembered import ASIDE, lattice
from server.artefact.metadata import Feature


def test_next_to_the_middle_of_two_rows_there_are_rows_on_both_sides() -> None:
    features = [Feature(name, "float64", "X") for name in "ab"]
    hints = [ColumnHint(remembered=np.array([0.0, 8.0])), ColumnHint(remembered=np.array([0.0, 4.0]))]
    table = lattice(np.random.default_rng(0), features, hints, 300)
    assert table is not None
    shares = table["a"] / 8.0
    assert (shares == table["b"] / 4.0)[::3].all()
    for share in (0.5, 0.5 - ASIDE, 0.5 + ASIDE):
        assert np.isclose(shares, share, rtol=0, atol=ASIDE / 100).sum() >= 10
