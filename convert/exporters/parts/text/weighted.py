"""Owns rows of counts that are weighted and divided by their length. Knows nothing of texts.

Of 20,000 words each operator over whole rows costs as much as reading the texts. Who multiplies by constants, a linear
model, multiplies the weights into its own and divides what it gets: the weighted rows themselves are never made.
"""

from __future__ import annotations

import weakref
from dataclasses import dataclass

import numpy as np

from convert.graph.graph import Array, Graph, Tensor


@dataclass(frozen=True, slots=True)
class _Rows:
    """``counts`` [rows, columns] times ``weights`` [columns], divided by ``length`` [rows, 1]."""

    counts: Tensor
    weights: Array
    length: Tensor


_rows: weakref.WeakKeyDictionary[Graph, dict[str, _Rows]] = weakref.WeakKeyDictionary()


def weighted_rows(counts: Tensor, weights: Array, norm: str) -> Tensor:
    """[rows, columns]: the weighted counts over the length of their row, "l1" or "l2"; a row of nothing stays."""
    sizes = counts.unary("Abs") if norm == "l1" else counts * counts
    length = sizes @ (np.abs(weights) if norm == "l1" else weights * weights).reshape(-1, 1)
    length = length if norm == "l1" else length.unary("Sqrt")
    length = length.equals(0.0).where(np.float64(1.0), length)
    whole = counts * weights / length
    _rows.setdefault(counts.graph, {})[whole.name] = _Rows(counts, weights, length)
    return whole


def product_of(x: Tensor, weights: Array) -> Tensor | None:
    """``x @ weights`` for weights [columns, outputs], where `weighted_rows` made ``x``; else None."""
    rows = _rows.get(x.graph, {}).get(x.name)
    return None if rows is None else (rows.counts @ (rows.weights.reshape(-1, 1) * weights)) / rows.length
