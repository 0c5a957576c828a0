"""Approximations of kernels: sketches, and their columns that nothing falls into."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sklearn.kernel_approximation import PolynomialCountSketch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import KernelCenterer

from convert.errors import Refused
from convert.job import Converted
from tests.campaigns.coverage.data import labels, numbers

Agrees = Callable[..., Converted]
X = numbers()


def test_sketches_of_products(agrees: Agrees) -> None:
    agrees(PolynomialCountSketch(gamma=0.5, degree=3, coef0=2, n_components=9, random_state=0).fit(X))


def test_a_model_behind_a_sketch_sees_no_noise(agrees: Agrees) -> None:
    sketch = PolynomialCountSketch(random_state=0)
    agrees(make_pipeline(sketch, LogisticRegression()).fit(X, labels("two words", X)))
    with pytest.raises(Refused, match="always zero"):
        agrees(sketch.fit(X))


def test_kernel_values_are_centred(agrees: Agrees) -> None:
    agrees(KernelCenterer().fit(X[:50] @ X[:50].T))
