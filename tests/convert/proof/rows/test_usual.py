"""Usual rows: none of a few thousand categories is left out."""

from __future__ import annotations

import numpy as np

from convert.original.hints.column_hints import ColumnHint
from convert.proof.rows.usual import usual
from server.artefact.metadata import Feature


def test_each_category_comes_about_as_often_as_any_other() -> None:
    known = [f"city {at}" for at in range(1000)]
    feature = Feature("city", "string", "city", categories=tuple(known))
    other = Feature("code", "float64", "code", categories=tuple(map(float, range(1000))))
    hints = [ColumnHint(text=True, known=list(known)), ColumnHint(known=[float(at) for at in range(1000)])]
    rows = usual(np.random.default_rng(0), (feature, other), hints, 2000)
    assert [rows["city"].tolist().count(city) for city in known[:20]] == [2] * 20
    assert len(set(rows["code"].tolist())) == 1000
    assert len(set(zip(rows["city"].tolist(), rows["code"].tolist(), strict=True))) > 1900
