"""Steps over numbers see them as the original does, also where it rounds them first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.preprocessing import KBinsDiscretizer

from tests.campaigns.coverage.data import numbers


def test_bins_of_rounded_numbers(agrees: Callable[[Any], object]) -> None:
    rows = np.round(numbers(), 1)
    agrees(KBinsDiscretizer(4, encode="ordinal", dtype=np.float32, quantile_method="averaged_inverted_cdf").fit(rows))
