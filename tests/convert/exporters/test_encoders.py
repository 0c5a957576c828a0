"""Categories that are rare, unknown or missing, all in one encoder."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas
import pytest
from sklearn.preprocessing import OrdinalEncoder

from convert.export import export
from convert.original.original import open_original
from convert.original.schema import describe
from convert.proof.parity import batched
from server.artefact.runtime import Runtime

CITIES = ["Paris"] * 9 + ["Łódź"] * 6 + ["Rome", "Oslo", None, None]
COUNTS = [1.0] * 9 + [2.0] * 6 + [3.0, 4.0, np.nan, np.nan]


@pytest.mark.parametrize("rare", [{"max_categories": 3}, {"min_frequency": 3}])
def test_missing_values_beside_rare_categories_keep_their_own_code(rare: dict[str, Any]) -> None:
    table = pandas.DataFrame({"city": pandas.Series(CITIES, dtype=object).fillna(np.nan), "count": COUNTS})
    model = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-2, **rare).fit(
        table
    )
    original = open_original(model)
    features = describe(original)
    rows = {"city": np.array([*CITIES, "Lima"], object), "count": np.array([*COUNTS, 9.0])}
    expected = original.ask(rows)
    runtime = Runtime(export(original, features, expected).model.SerializeToString())
    assert set(expected["transformed"][:, 0]) == {0.0, 1.0, 2.0, -1.0, -2.0}
    assert (batched(runtime, features, rows)["transformed"] == expected["transformed"]).all()
