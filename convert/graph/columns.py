"""Owns the columns that flow between estimators: tensors side by side. Knows nothing of estimators."""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from convert.graph.graph import Graph, Tensor

Parts = tuple[tuple[Tensor, int], ...]

_parts: weakref.WeakKeyDictionary[Graph, dict[str, Parts]] = weakref.WeakKeyDictionary()


@dataclass(frozen=True, slots=True)
class Columns:
    """Tensors ``[rows, width]`` that together are the columns of one table, in order.

    ``sparse``: the original holds them in a sparse matrix, whose zeros are absent.
    """

    graph: Graph
    parts: Parts
    sparse: bool = False

    @property
    def width(self) -> int:
        """How many columns there are."""
        return sum(width for _, width in self.parts)

    def take(self, wanted: Iterable[int]) -> Columns:
        """The columns at these positions, in this order; neighbours from one tensor stay one tensor."""
        home = [(part, offset) for part, (_, width) in enumerate(self.parts) for offset in range(width)]
        runs: list[tuple[int, list[int]]] = []
        for position in wanted:
            part, offset = home[position]
            if runs and runs[-1][0] == part:
                runs[-1][1].append(offset)
            else:
                runs.append((part, [offset]))
        parts = tuple((self._slice(part, offsets), len(offsets)) for part, offsets in runs)
        return Columns(self.graph, parts, self.sparse)

    def _slice(self, part: int, offsets: Sequence[int]) -> Tensor:
        tensor, width = self.parts[part]
        return tensor if list(offsets) == list(range(width)) else tensor.take(offsets)

    def numbers(self, dtype: Any = np.float64) -> Tensor:
        """All columns as one matrix of numbers."""
        parts = tuple((tensor.cast(dtype), width) for tensor, width in self.parts)
        joined = self.graph.concat([tensor for tensor, _ in parts])
        _parts.setdefault(self.graph, {})[joined.name] = parts
        return joined

    def text(self) -> Tensor:
        """All columns as one matrix of strings; they are strings already."""
        return self.graph.concat([tensor for tensor, _ in self.parts])

    def is_text(self) -> bool:
        """Whether every column holds strings."""
        return all(tensor.dtype.kind == "O" for tensor, _ in self.parts)

    def beside(self, other: Columns) -> Columns:
        """These columns, then the other ones."""
        return Columns(self.graph, self.parts + other.parts)


def replaced(x: Columns, new: Mapping[int, Tensor]) -> Columns:
    """The same columns, those at some positions replaced by a tensor [rows, 1] each."""
    parts: list[tuple[Tensor, int]] = []
    for is_new, run in itertools.groupby(range(x.width), lambda at: at in new):
        members = list(run)
        parts += [(new[at], 1) for at in members] if is_new else x.take(members).parts
    return Columns(x.graph, tuple(parts))


def columns(tensor: Tensor, width: int) -> Columns:
    """One tensor as columns."""
    return Columns(tensor.graph, ((tensor, width),))


def parts_of(tensor: Tensor) -> Parts:
    """The tensors with their widths that `Columns.numbers` put side by side in this one; nothing of any other."""
    return _parts.get(tensor.graph, {}).get(tensor.name, ())
