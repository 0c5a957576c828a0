"""Owns splits by sets of categories, which the tree operator lacks: each becomes a column of 0 and 1 to compare with.

Knows nothing of whose trees they are.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from convert.graph.graph import Array, Tensor

HALF = 0.5  # the threshold of such a column


class CategorySplits:
    """Columns behind those of ``matrix``: 0 where a category is in the set, 1 where it is not, NaN where it is missing.

    ``codes`` are the columns of the matrix as categories, whole numbers in float64, NaN where there is none; the matrix
    itself if not given.
    """

    def __init__(self, matrix: Tensor, width: int, codes: Tensor | None = None) -> None:
        self._matrix, self._width, self._codes = matrix, width, matrix if codes is None else codes
        self._seen: dict[tuple[int, frozenset[int]], int] = {}

    def column(self, feature: int, members: Iterable[int]) -> int:
        """The position of the column for this set of categories of ``feature``."""
        key = (feature, frozenset(int(member) for member in members))
        return self._seen.setdefault(key, self._width + len(self._seen))

    def extended(self) -> Tensor:
        """The matrix with the extra columns behind it."""
        owners = sorted({feature for feature, _ in self._seen})
        if not owners:
            return self._matrix
        extra = [self._looked_up(owner, [own for feature, own in self._seen if feature == owner]) for owner in owners]
        joined = self._matrix.graph.concat([self._matrix, *extra])
        order = [self._seen[key] for owner in owners for key in self._seen if key[0] == owner]
        return joined.take([*range(self._width), *(self._width + int(position) for position in np.argsort(order))])

    def _looked_up(self, feature: int, sets: list[frozenset[int]]) -> Tensor:
        """[rows, sets]: the row of a table by category; its last two rows are for other categories and for none."""
        graph, code = self._codes.graph, self._codes.column(feature)
        top = max((member for members in sets for member in members), default=-1) + 1
        table = np.ones((top + 2, len(sets)))
        for position, members in enumerate(sets):
            table[sorted(members), position] = 0.0
        table[-1] = np.nan
        inside = (code >= 0.0) & (code < float(top))
        row = code.is_nan().where(np.float64(top + 1), inside.where(code, np.float64(top)))
        return graph.op("Gather", graph.constant(table), row.cast(np.int64), axis=0)


def bits_of(words: Array) -> list[int]:
    """The positions of the bits that are set in 32-bit words, lowest first."""
    return [int(bit) for bit in np.flatnonzero(np.unpackbits(words.astype("<u4").view(np.uint8), bitorder="little"))]
