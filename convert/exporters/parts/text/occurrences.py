"""Owns rows of very many columns as what occurs in them: a few columns with their amounts. Knows nothing of texts.

A row of a million numbers, nearly all of them zero, is never made: who needs but sums over it, a linear model or a
norm, takes the columns that occur. Every other reader would need the row itself, and is refused.
"""

from __future__ import annotations

import weakref
from dataclasses import dataclass

import numpy as np
from onnx import numpy_helper

from convert.errors import Refused
from convert.exporters.parts.text.ngrams import sliced
from convert.graph.graph import Array, Graph, Tensor

DENSE = 0.25  # of the columns may have weights for them to be looked up; else the weights of all are kept


@dataclass(frozen=True, slots=True)
class Occurrences:
    """Of each row the columns ``at`` [rows, some], each once, and their ``amounts``; ``width`` is none, of amount 0.

    ``length`` [rows, 1] is what the amounts of a row are yet to be divided by; None: nothing.
    """

    at: Tensor
    amounts: Tensor
    width: int
    length: Tensor | None = None

    @property
    def there(self) -> Tensor:
        """[rows, some]: 1 where there is a column, else 0."""
        return (self.at < self.width).cast(np.float64)

    @property
    def shares(self) -> Tensor:
        """[rows, some]: the amounts, divided."""
        return self.amounts if self.length is None else self.amounts / self.length

    def of_column(self, values: Array) -> Tensor:
        """[rows, some]: of ``values`` [width] that of each column; 0 where there is none."""
        padded = np.append(np.asarray(values, np.float64), 0.0)
        return self.at.graph.op("Gather", self.at.graph.constant(padded), self.at, dtype=np.float64, axis=0)

    def times(self, weights: Array) -> Tensor:
        """``row @ weights``: a vector for weights [width], a matrix for [width, outputs]."""
        graph, matrix = self.at.graph, weights.reshape(self.width, -1)
        kept = np.flatnonzero(matrix.any(axis=1))
        places = self.at
        if len(kept) < DENSE * self.width:
            codes = {"keys_int64s": kept.tolist() or [0], "values_int64s": list(range(max(1, len(kept))))}
            known = {**codes, "default_int64": len(kept)}
            places = graph.op("LabelEncoder", self.at, dtype=np.int64, domain="ai.onnx.ml", **known)
            matrix = matrix[kept]
        table = graph.constant(np.vstack([matrix, np.zeros((2 if not len(kept) else 1, matrix.shape[1]))]))
        found = graph.op("Gather", table, places, dtype=np.float64, axis=0)
        summed = graph.op("Einsum", self.amounts, found, equation="rl,rlk->rk")
        summed = summed if self.length is None else summed / self.length
        return summed.reshape(-1) if weights.ndim == 1 else summed


_occurrences: weakref.WeakKeyDictionary[Graph, dict[str, Occurrences]] = weakref.WeakKeyDictionary()


def as_columns(found: Occurrences, refusal: Refused | None = None) -> Tensor:
    """[rows, width] float64, for those who ask `occurrences_of` it; whoever needs it as it stands gets ``refusal``."""
    graph = found.at.graph
    rows = graph.op("Shape", found.at, dtype=np.int64, start=0, end=1)
    shape = graph.op("Concat", rows, graph.constant(np.array([found.width + 1], np.int64)), axis=0)
    empty = graph.op("ConstantOfShape", shape, dtype=np.float64, value=numpy_helper.from_array(np.zeros(1)))
    whole = sliced(graph.op("ScatterElements", empty, found.at, found.shares, axis=1), 0, -1)
    if refusal is not None:
        graph.forbid(whole, refusal)
    note(whole, found)
    return whole


def note(whole: Tensor, found: Occurrences) -> None:
    """Notes what occurs in ``whole`` [rows, width], for those who ask `occurrences_of` it."""
    _occurrences.setdefault(whole.graph, {})[whole.name] = found


def occurrences_of(x: Tensor) -> Occurrences | None:
    """What occurs in these rows, where `as_columns` made them; else None."""
    return _occurrences.get(x.graph, {}).get(x.name)
