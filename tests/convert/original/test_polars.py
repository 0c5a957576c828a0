"""Models that were fitted on polars' frames, or whose steps hand such on, are converted as those of pandas are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from convert.job import Converted

polars = pytest.importorskip("polars", reason="polars is not installed: models fitted on its frames")


def rides(rows: int = 200) -> tuple[Any, Any]:
    """A table of polars' with numbers and texts, and a label."""
    random = np.random.default_rng(0)
    price, zone = random.gamma(2, 10, rows).round(2), random.choice(["north", "south", "west"], rows)
    table = polars.DataFrame({"price": price, "seats": random.integers(1, 6, rows), "zone": zone})
    return table, ((price > 15) ^ (zone == "west")).astype(int)


def prepared() -> Any:
    """Numbers and texts, each as they need it."""
    return make_column_transformer(
        (StandardScaler(), ["price", "seats"]), (OneHotEncoder(sparse_output=False, handle_unknown="ignore"), ["zone"])
    )


@pytest.mark.parametrize("output", ["default", "polars", "pandas"])
def test_a_model_fitted_on_a_frame_of_polars(agrees: Callable[..., Converted], output: str) -> None:
    table, y = rides()
    model = make_pipeline(prepared(), LogisticRegression()).set_output(transform=output).fit(table, y)
    artefact = agrees(model).artefact
    assert {feature.name: feature.dtype for feature in artefact.features} == {
        "price": "float64",
        "seats": "float64",
        "zone": "string",
    }
