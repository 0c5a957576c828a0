"""Support vectors are summed, also where there are none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sklearn.svm import SVR

from tests.campaigns.coverage.data import numbers


@pytest.mark.parametrize("kernel", ["rbf", "linear"])
def test_a_regressor_without_support_vectors_gives_its_intercept(agrees: Callable[[Any], object], kernel: str) -> None:
    model = SVR(epsilon=5, kernel=kernel).fit(numbers(), [1.0, 2.0] * (len(numbers()) // 2))
    assert not len(model.support_)
    agrees(model)
