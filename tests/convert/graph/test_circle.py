"""Sine and cosine round as numpy's: wherever a circle is cut into equal parts, and nearly everywhere else."""

from __future__ import annotations

import numpy as np
import pytest

from convert.graph.circle import LARGEST, cosine, sine
from convert.graph.graph import Array, Graph
from server.artefact.runtime import Runtime


def answered(x: Array) -> list[Array]:
    graph = Graph()
    given = graph.input("x", np.float64, 1)
    model = graph.finish({"sine": sine(given), "cosine": cosine(given)}, {"sine": (1,), "cosine": (1,)})
    runtime = Runtime(model.SerializeToString())
    return [values.reshape(-1) for values in runtime.run(["sine", "cosine"], {"x": x.reshape(-1, 1)})]


@pytest.mark.parametrize("parts", [4, 7, 12, 24])
def test_the_circle_of_days_months_and_hours_is_numpys(parts: int) -> None:
    x = 2 * np.pi * np.arange(3 * parts + 1) / parts
    for got, function in zip(answered(x), (np.sin, np.cos), strict=True):
        np.testing.assert_array_equal(got, function(x))


@pytest.mark.parametrize("spread", [1e-3, 3.0, 1e4, LARGEST / 5])
def test_other_numbers_differ_by_a_last_digit_and_rarely(spread: float) -> None:
    x = np.random.default_rng(0).normal(0, spread, 20_000)
    x = x[np.abs(x) <= LARGEST]
    for got, function in zip(answered(x), (np.sin, np.cos), strict=True):
        off = np.abs(got - function(x)) / np.spacing(np.abs(function(x)))
        assert off.max() <= 1
        assert (off > 0).mean() < 0.01


@pytest.mark.filterwarnings("ignore:invalid value")
def test_what_has_no_place_on_it_is_numpys_too() -> None:
    x = np.array([0.0, -0.0, 5e-324, np.nan, np.inf, -np.inf, LARGEST, 2 * LARGEST, 1e15])
    for got, function in zip(answered(x), (np.sin, np.cos), strict=True):
        np.testing.assert_allclose(got, function(x), rtol=1e-12)
