"""Owns the solving of small symmetric systems, each row of a graph its own. Knows nothing of whom they are for."""

from __future__ import annotations

import functools
import operator
from collections.abc import Sequence

from convert.graph.graph import Tensor


class Factor:
    """The Cholesky factor of each row's matrix, which grows by one line at a time. All entries are [rows, 1]."""

    def __init__(self) -> None:
        self._lines: list[list[Tensor]] = []

    def line(self, entries: Sequence[Tensor], diagonal: Tensor) -> tuple[list[Tensor], Tensor]:
        """What a new line of the matrix makes: the factor's entries before its diagonal, and that one's square."""
        found: list[Tensor] = []
        for entry, line in zip(entries, self._lines, strict=True):
            found.append((entry - _product(line[:-1], found) if found else entry) / line[-1])
        return found, diagonal - _product(found, found) if found else diagonal

    def add(self, line: Sequence[Tensor], square: Tensor) -> None:
        """Takes over what `line` made."""
        self._lines.append([*line, square.unary("Sqrt")])

    def solve(self, right: Sequence[Tensor]) -> list[Tensor]:
        """The solution for a right side of as many entries as there are lines."""
        forward: list[Tensor] = []
        for value, line in zip(right, self._lines, strict=True):
            forward.append((value - _product(line[:-1], forward) if forward else value) / line[-1])
        solved: list[Tensor] = []  # the last one first
        for at in reversed(range(len(forward))):
            below = [line[at] for line in reversed(self._lines[at + 1 :])]
            value = forward[at] - _product(below, solved) if solved else forward[at]
            solved.append(value / self._lines[at][-1])
        return solved[::-1]


def _product(one: Sequence[Tensor], other: Sequence[Tensor]) -> Tensor:
    return functools.reduce(operator.add, [left * right for left, right in zip(one, other, strict=True)])
