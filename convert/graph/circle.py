"""Owns sine and cosine in float64 as numpy has them, to the last digit in all but a few of a thousand numbers.

ONNX Runtime's own are off by a digit in six of ten, and at a quarter turn by all of them (-0.0 in place of 6.1e-17):
trees that split on the circle of months or hours find their thresholds between such numbers. Knows no estimators.
"""

from __future__ import annotations

import functools
import math

import numpy as np

from convert.graph.exact import Pair, product_of, sum_of
from convert.graph.graph import Tensor

LARGEST = 1e6  # beyond it ONNX Runtime's own answers: what is left of turns has no more digits to spare
# A quarter turn in parts (fdlibm's): the first three have so few digits that their products with a count are exact.
QUARTER = (
    1.57079632673412561417e00,
    6.07710050630396597660e-11,
    2.02226624871116645580e-21,
    8.47842766036889956997e-32,
)
SIXTH = (-1 / 6, -9.25185853854297e-18)  # what float64 leaves of it, too
SINE = [(-1) ** k / math.factorial(2 * k + 1) for k in range(2, 10)]
COSINE = [(-1) ** k / math.factorial(2 * k) for k in range(2, 10)]


def sine(x: Tensor) -> Tensor:
    """``numpy.sin`` of float64."""
    return _turned(x, "Sin", 0)


def cosine(x: Tensor) -> Tensor:
    """``numpy.cos`` of float64."""
    return _turned(x, "Cos", 1)


def _turned(x: Tensor, own: str, ahead: int) -> Tensor:
    """The sine, so many quarter turns ``ahead``."""
    near = x.unary("Abs") <= LARGEST
    held = near.where(x, np.float64(0.0))
    turns = (held * (2 / math.pi)).unary("Round")
    angle = _left(held, turns)
    place = x.graph.op("Mod", turns.cast(np.int64) + np.int64(ahead), x.graph.constant(np.int64(4)))
    even = x.graph.op("Mod", place, x.graph.constant(np.int64(2))).equals(0)
    size = even.where(*_both(angle))
    return near.where((place >= 2).where(-size, size), x.unary(own))


def _left(x: Tensor, turns: Tensor) -> Pair:
    """What is left of ``x`` without whole quarter turns."""
    first, second, third, fourth = (turns * part for part in QUARTER)
    rest = x - first
    less = rest - second
    lost = (rest - less) - second
    least = less - third
    lost = fourth - ((less - least) - third) - lost
    angle = least - lost
    return angle, (least - angle) - lost


def _both(angle: Pair) -> Pair:
    """Sine and cosine of an angle of an eighth turn at most: a sum whose large parts lose nothing."""
    y, lost = angle
    square, rest = product_of(y, y)
    rest = rest + y * lost * 2.0
    inner, small = sum_of(square.graph.constant(np.float64(SIXTH[0])), square * _polynomial(square, SINE))
    cubed, low = product_of(square, inner)
    low = low + square * (small + SIXTH[1]) + rest * inner
    turned, last = product_of(y, cubed)
    high, tail = sum_of(y, turned)
    sine = high + (tail + (last + y * low + lost * cubed + lost))
    whole, left = sum_of(square.graph.constant(np.float64(1.0)), square * -0.5)
    cosine = whole + (left - rest * 0.5 + square * square * _polynomial(square, COSINE))
    return sine, cosine


def _polynomial(x: Tensor, coefficients: list[float]) -> Tensor:
    highest, *others = [x.graph.constant(np.float64(number)) for number in reversed(coefficients)]
    return functools.reduce(lambda made, number: made * x + number, others, highest)
