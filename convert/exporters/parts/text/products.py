"""Owns products of rows with constants: rows of which few columns occur are never made for one. Knows no estimators."""

from __future__ import annotations

import numpy as np

from convert.exporters.parts.text.occurrences import occurrences_of
from convert.exporters.parts.text.weighted import product_of
from convert.graph.columns import parts_of
from convert.graph.graph import Array, Tensor


def multiplied(x: Tensor, weights: Array) -> Tensor:
    """``x @ weights``: a vector for weights [columns], a matrix for [columns, outputs]."""
    few = of_what_occurs(x, weights)
    return x @ weights if few is None else few


def of_what_occurs(x: Tensor, weights: Array) -> Tensor | None:
    """As `multiplied`, where it is known what occurs in the rows, or in some of the columns that they are made of."""
    weights = np.asarray(weights, np.float64)
    if (found := occurrences_of(x)) is not None:
        return found.times(weights)
    if (weighted := product_of(x, weights.reshape(len(weights), -1))) is not None:
        return weighted.reshape(-1) if weights.ndim == 1 else weighted
    parts = parts_of(x)
    ends = np.cumsum([width for _, width in parts])
    own = [weights[end - width : end] for (_, width), end in zip(parts, ends, strict=True)]
    if len(parts) < 2 or all(of_what_occurs(part, of) is None for (part, _), of in zip(parts, own, strict=True)):
        return None
    first, *others = (multiplied(part, of) for (part, _), of in zip(parts, own, strict=True))
    for other in others:
        first = first + other
    return first
