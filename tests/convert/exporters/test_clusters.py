"""Clusterers find the nearest centre, whatever their centres were fitted on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import sparse
from sklearn.cluster import AffinityPropagation

from tests.campaigns.coverage.data import numbers


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_array], ids=["dense", "sparse"])
def test_centres_of_rows_with_many_zeros(agrees: Callable[[Any], object], kind: Callable[[Any], Any]) -> None:
    rows = numbers()[:60]
    agrees(AffinityPropagation(random_state=0).fit(kind(np.where(rows > 0, rows, 0))))
