"""Owns how far the original's answers spread over the proof rows. Knows nothing of how rows are made or compared.

A proof over rows that all have one answer proves next to nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from convert.graph.graph import Array
from convert.original.original import Answers

DIGITS = 5  # in which two answers must differ to be two


@dataclass(frozen=True, slots=True)
class Spread:
    """How many distinct answers there are, and the share of rows that have the commonest one."""

    distinct: int
    commonest: float


def spread_of(expected: Mapping[str, Answers]) -> Spread:
    """Over all rows of all groups."""
    keys = np.concatenate([keys_of(answers) for answers in expected.values()])
    _, counts = np.unique(keys, return_counts=True)
    return Spread(len(counts), float(counts.max() / len(keys)))


def keys_of(answers: Answers) -> npt.NDArray[np.uint64]:
    """[rows]: one number for each row; equal where all outputs are, to five digits (probabilities: decimal places)."""
    rows = len(next(iter(answers.values())))
    keys = np.zeros(rows, np.uint64)
    for place, (name, values) in enumerate(answers.items()):
        codes = _codes(values.reshape(rows, -1), name.startswith("probabilities")) + 0.0  # -0.0 is 0.0
        factors = np.random.default_rng(place).integers(1 << 62, size=codes.shape[1], dtype=np.uint64) * 2 + 1
        bits = codes.view(np.uint64)
        keys += ((bits ^ (bits >> np.uint64(29))) * factors).sum(axis=1, dtype=np.uint64)
        keys ^= keys >> np.uint64(31)
    return keys


def _codes(values: Array, absolute: bool) -> npt.NDArray[np.float64]:
    if values.dtype.kind not in "fiub":
        _, codes = np.unique(values.astype(str), return_inverse=True)
        return np.asarray(codes.reshape(values.shape), np.float64)
    numbers = values.astype(np.float64)
    if absolute:
        return np.asarray(np.round(numbers, DIGITS))
    mantissa, exponent = np.frexp(numbers)
    return np.asarray(np.ldexp(np.round(mantissa, DIGITS), exponent), np.float64)
