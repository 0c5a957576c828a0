"""The rule of parity is the one that is written down."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.artefact.parity import worst_excess

NAN, INF = math.nan, math.inf


@pytest.mark.parametrize(
    ("expected", "got", "scale", "equal"),
    [
        (1.0, 1.0, 1.0, True),
        (0.0, 1e-5, 1.0, True),
        (0.0, 1.1e-5, 1.0, False),
        (1000.0, 1000.01, 1.0, True),
        (1000.0, 1000.02, 1.0, False),
        (0.0, 1e-3, 100.0, True),
        (0.0, 1.1e-3, 100.0, False),
        (0.0, 1e-300, 0.0, False),
        (0.0, -0.0, 0.0, True),
        (NAN, NAN, 1.0, True),
        (NAN, 0.0, 1.0, False),
        (0.0, NAN, 1.0, False),
        (INF, INF, 1.0, True),
        (-INF, -INF, 1.0, True),
        (INF, -INF, 1.0, False),
        (INF, 1e308, 1.0, False),
        (1e308, INF, 1.0, False),
        (INF, NAN, 1.0, False),
        (NAN, INF, 1.0, False),
    ],
)
def test_the_rule_of_parity(expected: float, got: float, scale: float, equal: bool) -> None:
    (excess,) = worst_excess(np.array([expected]), np.array([got]), scale)
    assert (excess <= 1.0) == equal


@given(st.floats(), st.floats(), st.floats(1e-290, 1e300))
def test_the_rule_of_parity_is_the_written_one(a: float, b: float, scale: float) -> None:
    (excess,) = worst_excess(np.array([a]), np.array([b]), scale)
    same = a == b or (math.isnan(a) and math.isnan(b))
    near = math.isfinite(a) and math.isfinite(b) and abs(a - b) <= 1e-5 * max(abs(a), scale)
    assert (excess <= 1.0) == (same or near) or excess == pytest.approx(1.0)
    assert excess >= 0.0
