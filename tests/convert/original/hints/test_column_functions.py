"""What functions of one column give away: where its values lie, and at which numbers they change."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Binarizer, KBinsDiscretizer, QuantileTransformer, SplineTransformer

from convert.original.hints.visiting import find_hints
from convert.original.original import open_original
from convert.original.schema import describe
from convert.proof.rows.synthetic import synthesise

X = np.random.default_rng(0).normal(5000, 700, size=(300, 2)).round()


@pytest.mark.parametrize(
    "step",
    [
        Binarizer(threshold=4800.0),
        KBinsDiscretizer(6, quantile_method="averaged_inverted_cdf"),
        QuantileTransformer(n_quantiles=50),
        SplineTransformer(),
    ],
    ids=lambda step: type(step).__name__,
)
def test_rows_are_made_up_where_the_columns_lie(step: Any) -> None:
    original = open_original(make_pipeline(step, Ridge()).fit(X, X[:, 0]))
    assert all(len(hint.points) for hint in original.hints)
    usual = synthesise(describe(original), original.hints)["usual"]
    assert all(4000 < np.median(values) < 6000 for values in usual.values())


def test_bins_are_asked_at_their_edges() -> None:
    model = KBinsDiscretizer(4, encode="ordinal", quantile_method="averaged_inverted_cdf").fit(X)
    hints = find_hints(model, 2)
    assert hints[0].points == model.bin_edges_[0].tolist()


@pytest.mark.parametrize("marker", [-999.0, "?"], ids=["number", "text"])
def test_what_stands_for_a_missing_value_is_asked(marker: Any) -> None:
    column = [[marker], [marker], ["a"], ["b"], ["b"]] if isinstance(marker, str) else [[marker], [1.0], [2.0], [4.0]]
    table = np.array(column, object if isinstance(marker, str) else np.float64)
    original = open_original(SimpleImputer(missing_values=marker, strategy="most_frequent").fit(table))
    groups = synthesise(describe(original), original.hints)
    assert marker in groups["missing"]["x0"].tolist()
    assert "usual" in groups
