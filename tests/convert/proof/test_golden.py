"""Golden rows: those that a person would call ordinary come first."""

from __future__ import annotations

import numpy as np

from convert.proof.golden import ordinary_first


def test_ordinary_rows_are_published_first() -> None:
    table = {"months": np.array([-9.6, 20.0, 31.0]), "word": np.array(["a", "", "b"], object)}
    change = {"change": np.array([-1.0, 0.9, 0.2])}
    assert ordinary_first(table, np.ones(3, np.bool_)).tolist() == [2, 0, 1]
    assert ordinary_first(change, np.ones(3, np.bool_))[:2].tolist() == [0, 1]
    assert ordinary_first(table, np.array([True, True, False])).tolist() == [0, 1]
