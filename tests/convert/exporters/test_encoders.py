"""Encoders give the numbers of their categories, rare and missing ones as they were told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.preprocessing import OrdinalEncoder

RARE = [["a"]] * 5 + [["b"]] * 20 + [["c"]] * 10 + [["d"]] * 3 + [[np.nan]]


@pytest.mark.parametrize("missing", [9, np.nan], ids=str)
def test_rare_categories_beside_missing_ones(agrees: Callable[[Any], object], missing: float) -> None:
    rare = {"max_categories": 3, "handle_unknown": "use_encoded_value", "unknown_value": 7}
    agrees(OrdinalEncoder(encoded_missing_value=missing, **rare).fit(np.array(RARE, object)))
