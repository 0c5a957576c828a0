"""Owns products and sums of float64 that lose nothing: a number, and what was lost of it. Knows no use of them."""

from __future__ import annotations

from convert.graph.graph import Tensor

SPLIT = 2.0**27 + 1  # parts the digits of a float64 in halves
Pair = tuple[Tensor, Tensor]  # a number, and what float64 lost of it


def product_of(a: Tensor, b: Tensor) -> Pair:
    """``a * b``, and what its rounding lost (Dekker)."""
    whole = a * b
    (high, low), (upper, lower) = halves(a), halves(b)
    return whole, ((high * upper - whole) + high * lower + low * upper) + low * lower


def halves(x: Tensor) -> Pair:
    """A float64 as a sum of two of half as many digits, whose products are exact."""
    spread = x * SPLIT
    high = spread - (spread - x)
    return high, x - high


def sum_of(large: Tensor, small: Tensor) -> Pair:
    """``large + small``, of which the first is the larger, and what its rounding lost."""
    whole = large + small
    return whole, small - (whole - large)
