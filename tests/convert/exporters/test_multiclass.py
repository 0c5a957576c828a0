"""Chains pass on what they answer, whatever is inside."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.multioutput import RegressorChain

from tests.campaigns.coverage.data import numbers


def test_a_chain_of_regressors_may_hold_classifiers(agrees: Callable[[Any], object]) -> None:
    x = numbers()
    y = np.stack([x[:, 0] > 0, x[:, 1] * x[:, 0] > 0, x[:, 2] > 1], axis=1).astype(int)
    agrees(RegressorChain(LogisticRegression(), order=[2, 0, 1]).fit(x, y))
