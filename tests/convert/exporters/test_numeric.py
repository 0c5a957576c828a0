"""Settings of steps over columns of numbers that change what a row becomes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.preprocessing import KBinsDiscretizer, MaxAbsScaler, SplineTransformer

from convert.errors import Refused
from convert.export import export
from convert.original.original import open_original
from convert.original.schema import describe
from convert.proof.parity import batched
from server.artefact.runtime import Runtime

X = np.random.default_rng(0).normal(500.0, 50.0, (200, 3))


def both(model: Any, x: Any) -> tuple[Any, Any]:
    """What scikit-learn and the graph make of these rows."""
    original = open_original(model)
    features = describe(original)
    rows = {feature.name: x[:, at] for at, feature in enumerate(features)}
    expected = original.ask(rows)
    runtime = Runtime(export(original, features, expected).model.SerializeToString())
    return expected["transformed"], batched(runtime, features, rows)["transformed"]


def test_rows_beyond_the_largest_are_clipped_where_asked() -> None:
    expected, got = both(MaxAbsScaler(clip=True).fit(X), np.vstack([X * 3, -X * 3, X]))
    assert (got == expected).all()


def test_bins_of_float32_compare_what_float32_holds() -> None:
    model = KBinsDiscretizer(5, encode="ordinal", strategy="quantile", quantile_method="linear", dtype=np.float32)
    edges = np.column_stack([edge[1:-1] for edge in model.fit(X).bin_edges_])
    expected, got = both(model, np.vstack([edges, np.nextafter(edges, 0), np.nextafter(edges, 1e9), X]))
    assert (got == expected).all()


def test_straight_splines_of_several_columns_are_refused_where_scikit_learn_mixes_up_their_ends() -> None:
    model = SplineTransformer(6, degree=1, extrapolation="linear")
    expected, got = both(model.fit(X[:, :1]), X[:, :1] * 3 - 1000)
    np.testing.assert_allclose(got, expected, atol=1e-9)
    with pytest.raises(Refused, match="inside its range"):
        both(model.fit(X), X)
