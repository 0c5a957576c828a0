"""Owns functions of numpy that ONNX does not have alike: what they are where numbers are large, zero or infinite."""

from __future__ import annotations

import numpy as np

from convert.exporters.functions import FUNCTIONS
from convert.graph.exact import halves
from convert.graph.graph import Tensor
from convert.tracing.recorder.elements import NoNode, constant_like, infinite, missing

PI = float(np.pi)
HALF = 0.5
LEAST_SQUARED, MOST_SQUARED = 1e-140, 1e140  # between them the square of a float64 keeps its digits
WHOLE = 2.0**52  # from here on a float64 has no fraction


def _divisor(b: Tensor) -> Tensor:
    """Whole numbers to divide by, 1 in the place of 0 and of -1: the smallest whole number by -1 ends the process."""
    if b.dtype.kind == "u":
        return b.equals(0).where(np.asarray(1, b.dtype), b)
    return (b.equals(0) | b.equals(-1)).where(np.asarray(1, b.dtype), b)


def floor_divide(a: Tensor, b: Tensor) -> Tensor:
    """As numpy does it: whole numbers by 0 are 0; others from the remainder, 1.0 // 0.1 is 9."""
    if a.dtype.kind in "iu":
        zero, safe = np.asarray(0, b.dtype), _divisor(b)
        cut = a / safe
        if a.dtype.kind == "i":
            rest = a - cut * safe
            down = ~rest.equals(0) & a.graph.op("Xor", rest < 0, safe < 0)
            cut = b.equals(-1).where(-a, down.where(cut - np.asarray(1, a.dtype), cut))
        return b.equals(0).where(zero, cut)
    rest = a.graph.op("Mod", a, b, fmod=1)
    other = ~rest.equals(0.0) & a.graph.op("Xor", rest < 0.0, b < 0.0)
    whole = (a - rest) / b
    whole = other.where(whole - 1.0, whole)
    floor = whole.unary("Floor")
    near = (whole - floor > HALF).where(floor + 1.0, floor)
    return b.equals(0.0).where(a / b, near)


def modulo(a: Tensor, b: Tensor) -> Tensor:
    """With the sign of the divisor."""
    if a.dtype.kind in "iu":
        return a.graph.op("Mod", a, _divisor(b), fmod=0)
    rest = a.graph.op("Mod", a, b, fmod=1)
    other = ~rest.equals(0.0) & a.graph.op("Xor", rest < 0.0, b < 0.0)
    return other.where(rest + b, rest)


def fmod(a: Tensor, b: Tensor) -> Tensor:
    """With the sign of what is divided; of whole numbers by 0 it is 0, where ONNX Runtime ends the run."""
    return a.graph.op("Mod", a, b if a.dtype.kind == "f" else _divisor(b), fmod=1)


def power(a: Tensor, b: Tensor) -> Tensor:
    """Of floats."""
    if a.dtype.kind in "iu":  # ONNX Runtime computes it as floats, and large ones do not wrap
        raise NoNode("a power of whole numbers that is not one of a few constant whole ones")
    return a.graph.op("Pow", a, b)


def whole_power(x: Tensor, exponent: int) -> Tensor:
    """Whole numbers multiplied, which wrap as numpy's do."""
    made = constant_like(x, np.asarray(1, x.dtype))
    for _ in range(exponent):
        made = made * x
    return made


def sign(x: Tensor) -> Tensor:
    """-1, 0 or 1."""
    return x.unary("Sign")


def fmin(a: Tensor, b: Tensor) -> Tensor:
    """The smaller, where only one is missing the other."""
    return missing(a).where(b, missing(b).where(a, a.graph.op("Min", a, b)))


def fmax(a: Tensor, b: Tensor) -> Tensor:
    """The larger, where only one is missing the other."""
    return missing(a).where(b, missing(b).where(a, a.graph.op("Max", a, b)))


def arctan(x: Tensor) -> Tensor:
    """ONNX Runtime has it in float alone: by halves of the angle, then a series; beyond 1 from that of the inverse."""
    given, far = x, x.unary("Abs") > 1.0
    x = far.where(1.0 / x, x)
    for _ in range(3):
        x = x / ((x * x + 1.0).unary("Sqrt") + 1.0)
    square = x * x
    total = x.graph.constant(0.0, x.dtype)
    for odd in range(25, 0, -2):
        total = square * total * -1.0 + 1.0 / odd
    angle = total * x * 8.0
    beyond = (given < 0.0).where(np.asarray(-PI / 2, x.dtype), np.asarray(PI / 2, x.dtype))
    return far.where(beyond - angle, angle)


def _below(x: Tensor) -> Tensor:
    """Where a number is below zero, or the zero that is."""
    return (x < 0.0) | (x.equals(0.0) & (1.0 / x).equals(-np.inf))


def _scaled(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Both over the larger of their sizes, where their squares would not fit, and that size; what is infinite is 1."""
    largest = a.graph.op("Max", a.unary("Abs"), b.unary("Abs"))
    one = np.asarray(1.0, a.dtype)
    fits = ((largest > LEAST_SQUARED) & (largest < MOST_SQUARED)) | largest.equals(0.0)
    size = fits.where(one, largest)
    ends = largest.equals(np.inf)
    parts = [ends.where(infinite(x).cast(x.dtype) * x.unary("Sign"), x / size) for x in (a, b)]
    return parts[0], parts[1], size


def arctan2(y: Tensor, x: Tensor) -> Tensor:
    """The angle of a point; of zeros by their signs."""
    lost, left, down = missing(y) | missing(x), _below(x), _below(y)
    y, x, _ = _scaled(y, x)
    size = (x * x + y * y).unary("Sqrt")
    near = size.equals(0.0).where(y, arctan(y / (size + x.unary("Abs"))) * 2.0)
    turn = down.where(np.asarray(-PI, x.dtype), constant_like(x, np.asarray(PI, x.dtype)))
    return lost.where(np.asarray(np.nan, x.dtype), left.where(turn - near, near))


def hypot(a: Tensor, b: Tensor) -> Tensor:
    """Infinite where one of them is, whatever the other."""
    endless = infinite(a) | infinite(b)
    a, b, size = _scaled(a, b)
    return endless.where(np.asarray(np.inf, a.dtype), (a * a + b * b).unary("Sqrt") * size)


def logaddexp(a: Tensor, b: Tensor) -> Tensor:
    """Of two that are equal, also infinite ones, their own and log 2."""
    apart = FUNCTIONS[np.log1p]((-(a - b).unary("Abs")).unary("Exp"))
    return a.graph.op("Max", a, b) + a.equals(b).where(np.asarray(np.log(2), a.dtype), apart)


def arcsin(x: Tensor) -> Tensor:
    """By the two sides of its triangle."""
    return arctan2(x, (1.0 - x * x).unary("Sqrt"))


def rounded(x: Tensor, decimals: int) -> Tensor:
    """As numpy does it: scaled, to the nearest even, and back."""
    if x.dtype.kind != "f":
        return x if decimals >= 0 else rounded(x.cast(np.float64), decimals).cast(x.dtype)
    if not decimals:
        return x.unary("Round")
    factor = 10.0 ** abs(decimals)
    return (x * factor).unary("Round") / factor if decimals > 0 else (x / factor).unary("Round") * factor


def rounded_exactly(x: Tensor, decimals: int) -> Tensor:
    """As Python does it: to the nearest decimal of the exact number; numpy's product may fall on a tie that is none."""
    if x.dtype.kind != "f":
        return x
    factor = 10.0**decimals
    product = x * factor
    (high, low), (upper, lower) = halves(x), halves(x.graph.constant(np.float64(factor)))
    left = high * upper - product + high * lower + low * upper + low * lower  # what the product lost
    near = product.unary("Round")
    tie = (product - product.unary("Floor")).equals(HALF)
    told = (left > 0.0).where(product.unary("Ceil"), (left < 0.0).where(product.unary("Floor"), near))
    return (product.unary("Abs") < WHOLE).where(tie.where(told, near) / factor, x)
