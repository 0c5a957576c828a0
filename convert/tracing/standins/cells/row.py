"""Owns one row of a frame, as DataFrame.apply(axis=1) hands it to a function: cells by name or position."""

from __future__ import annotations

import functools
import operator
from collections.abc import Iterator
from typing import Any

import numpy as np

from convert.graph.graph import Tensor
from convert.tracing.recorder import along, elements
from convert.tracing.recorder.keyed import plain
from convert.tracing.recorder.learned import MissingColumn
from convert.tracing.recorder.recorder import Recorder
from convert.tracing.recorder.reducing import reduced
from convert.tracing.recorder.refusals import VECTORISED, only, refuse
from convert.tracing.standins.cells.cell import MIDDLE, Cell

ROW_STATISTICS = frozenset(("count", "max", "mean", "median", "min", "prod", "std", "var"))


class RowOfCells:
    """One row of a frame, as DataFrame.apply(axis=1) hands it to a function: cells by name or position."""

    def __init__(self, recorder: Recorder, cells: dict[Any, Cell]) -> None:
        self._recorder, self._cells = recorder, cells

    def __getitem__(self, key: Any) -> Any:
        key = plain(key)
        if isinstance(key, list):
            return RowOfCells(self._recorder, {name: self[name] for name in key})
        if key in self._cells:
            return self._cells[key]
        raise MissingColumn(key)

    def get(self, key: Any, default: Any = None) -> Any:
        """As Series.get."""
        return self._cells.get(plain(key), default)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._cells.values())

    def __len__(self) -> int:
        return len(self._cells)

    def sum(self, **_: Any) -> Any:
        """Of all cells; a missing one counts for nothing."""
        filled = [
            cell.of(lambda c=cell: elements.missing(c.tensor).where(np.asarray(0, c.tensor.dtype), c.tensor))  # type: ignore[misc]
            for cell in self._cells.values()
        ]
        total = filled[0]
        for cell in filled[1:]:
            total = operator.add(total, cell)
        return total

    def _reduced(self, kind: str, first: Cell, skipna: bool = True, ddof: int = 1, **others: Any) -> Cell:
        """As of a Series of numbers."""
        only(others)
        tensors = [cell.tensor for cell in self._cells.values()]
        dtype = self._recorder.node_dtype(tensors)

        def make() -> Tensor:
            table = self._recorder.graph.concat([tensor.cast(dtype) for tensor in tensors])
            if kind == "median":
                return along.quantile(table, len(tensors), MIDDLE, skipna, middle=True)
            return reduced(kind, table, len(tensors), skipna, ddof)

        return first.of(make)

    def __getattr__(self, name: str) -> Any:
        if name in self._cells:
            return self._cells[name]
        if name.startswith("__"):
            raise AttributeError(name)
        first = next(iter(self._cells.values()))
        if name in ROW_STATISTICS and not first.ways.python:
            return functools.partial(self._reduced, name, first)
        raise refuse(f"{name} of a row is not recorded", VECTORISED)
