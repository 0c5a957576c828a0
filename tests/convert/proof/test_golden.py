"""Golden rows: those that a person would call ordinary come first."""

from __future__ import annotations

import numpy as np

from convert.proof.golden import golden, ordinary_first
from server.artefact.metadata import Output


def test_ordinary_rows_are_published_first() -> None:
    table = {"months": np.array([-9.6, 20.0, 31.0]), "word": np.array(["a", "", "b"], object)}
    change = {"change": np.array([-1.0, 0.9, 0.2])}
    assert ordinary_first(table, np.ones(3, np.bool_)).tolist() == [2, 0, 1]
    assert ordinary_first(change, np.ones(3, np.bool_))[:2].tolist() == [0, 1]
    assert ordinary_first(table, np.array([True, True, False])).tolist() == [0, 1]


def test_no_golden_row_hangs_on_an_accident() -> None:
    groups = {"usual": {"x": np.arange(20.0)}}
    accidents = {"usual": np.arange(20) % 2 == 0}
    rows = golden(groups, {"usual": {"value": np.arange(20.0)}}, accidents, [Output("value", "value")]).rows
    assert rows == tuple((float(odd),) for odd in range(1, 20, 2))
