"""Owns what re.search finds in one value of every row: both ways are followed."""

from __future__ import annotations

import re
from typing import Any

from convert.tracing.recorder import elements
from convert.tracing.recorder.refusals import VECTORISED, refuse
from convert.tracing.recorder.texts import pieces, texts
from convert.tracing.recorder.texts.expressions import first_reading, is_at_end
from convert.tracing.recorder.texts.samples import matching
from convert.tracing.standins.cells.cell import Cell


class Found:
    """What an expression found in a text, where it found something."""

    def __init__(self, cell: Cell, pattern: str) -> None:
        self._cell, self._pattern = cell, pattern

    def group(self, number: int = 0) -> Cell:
        """All of it, or its one group."""
        cell = self._cell
        if number == 0 and (is_at_end(self._pattern) or re.search(self._pattern, "")):
            raise refuse("what an expression finds that may be nothing, or ends with $, is not recorded", VECTORISED)
        if number == 0:
            return cell.taken(lambda: texts.first_match(cell.tensor, first_reading(self._pattern), None))
        return cell.taken(
            lambda: pieces.extracted(cell.tensor, self._pattern), lambda text: pieces.with_group(self._pattern, text)
        )

    __getitem__ = group

    def groups(self) -> tuple[Cell]:
        """Its one group."""
        return (self.group(1),)

    def __getattr__(self, name: str) -> Any:
        raise refuse(f"{name} of what an expression found is not recorded", VECTORISED)


def searched(pattern: Any, cell: Cell) -> Found | None:
    """As re.search of one value: both ways are followed, that it is found and that it is not."""
    told, flags = (pattern.pattern, pattern.flags & ~re.UNICODE) if isinstance(pattern, re.Pattern) else (pattern, 0)
    if flags or re.compile(told).groups > 1:
        raise refuse("re.search with flags or several groups is not recorded", VECTORISED)
    cell.recorder.need_text(cell.tensor, "re.search")
    cell.recorder.sample(cell.tensor, matching(told))
    if re.compile(told).groups:
        there = cell.recorder.node(lambda: ~elements.missing(pieces.extracted(cell.tensor, told)))
    else:
        there = cell.recorder.node(lambda: texts.contains(cell.tensor, told, regex=True))
    return Found(cell, told) if cell.ways.decide(there) else None
