"""Owns the opening of pandas' series and frames of plain values, which encoders keep their tables in.

Of what pandas wrote only the values, their places and the names are read, and a new table is made of them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas

from convert.opening.making.tables import Strings
from convert.opening.plain import is_scalar
from convert.opening.refusal import hostile

BROKEN = "a table of pandas in the file is broken"
MOST_CELLS = 1 << 24


class Block:
    """Stands for pandas' block: ``values`` and the places of its columns, None for those of a series."""

    def __init__(self, values: Any, places: Any) -> None:
        self.values, self.places = _plain(values), places


class Manager:
    """Stands for pandas' manager while a table is made of it: its blocks, and the names along its axes."""

    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self.axes: list[Any] = []


def make_block(arguments: tuple[Any, ...]) -> Block:
    """Of values, the places of the columns they are, and the number of dimensions."""
    if len(arguments) != 3:
        raise hostile(BROKEN)
    return Block(arguments[0], arguments[1])


def make_manager(arguments: tuple[Any, ...]) -> Manager:
    """Of blocks and axes."""
    blocks, axes = arguments if len(arguments) == 2 else ((), ())
    if type(blocks) is not tuple or type(axes) not in (list, tuple) or not all(type(b) is Block for b in blocks):
        raise hostile(BROKEN)
    made = Manager()
    made.blocks, made.axes = list(blocks), [_names(axis) for axis in axes]
    return made


def fill_manager(made: Manager, state: Any) -> None:
    """That of a series, whose state is (axes, values, ...)."""
    if (
        type(state) is not tuple
        or len(state) < 2
        or not all(type(part) is list and len(part) == 1 for part in state[:2])
    ):
        raise hostile(BROKEN)
    made.axes, made.blocks = [_names(state[0][0])], [Block(state[1][0], None)]


def fill_series(made: Any, state: Any) -> None:
    """From its manager and its name."""
    manager = _manager(state, 1)
    values = manager.blocks[0].values
    if len(manager.blocks) != 1 or values.ndim != 1 or len(values) != len(manager.axes[0]):
        raise hostile(BROKEN)
    name = state.get("_name")
    if not is_scalar(name):
        raise hostile(BROKEN)
    pandas.Series.__init__(made, values, index=manager.axes[0], name=name)


def fill_frame(made: Any, state: Any) -> None:
    """From its manager."""
    manager = _manager(state, 2)
    names, index = manager.axes
    columns: dict[int, Any] = {}
    for block in manager.blocks:
        places = _places(block.places, len(names))
        rows = block.values[None] if block.values.ndim == 1 else block.values  # pandas' own texts are a column each
        if rows.ndim != 2 or rows.shape != (len(places), len(index)):
            raise hostile(BROKEN)
        columns.update(zip(places, rows, strict=True))
    if sorted(columns) != list(range(len(names))):
        raise hostile(BROKEN)
    table = pandas.DataFrame({at: columns[at] for at in range(len(names))}, index=index)
    table.columns = names
    pandas.DataFrame.__init__(made, table)


def _manager(state: Any, dimensions: int) -> Manager:
    manager = state.get("_mgr") if type(state) is dict else None
    if type(manager) is not Manager or len(manager.axes) != dimensions or not manager.blocks:
        raise hostile(BROKEN)
    return manager


def _places(places: Any, most: int) -> list[int]:
    if type(places) is slice:
        ends = (places.start, places.stop, places.step)
        if not all(end is None or type(end) is int for end in ends) or places.step == 0:
            raise hostile(BROKEN)
        return list(range(most))[places]
    if type(places) is np.ndarray and places.ndim == 1 and places.dtype.kind in "iu":
        return [int(place) for place in places]
    raise hostile(BROKEN)


def _names(axis: Any) -> list[Any]:
    """An index, of which the list of its values is left."""
    if type(axis) is not list or not all(map(is_scalar, axis)):
        raise hostile(BROKEN)
    return list(axis)


def _plain(values: Any) -> Any:
    """An array of its own, of numbers or single values."""
    values = np.array(values.values, object) if type(values) is Strings else values
    if type(values) is not np.ndarray or values.dtype.kind not in "fiubO" or values.size > MOST_CELLS:
        raise hostile(BROKEN)
    if values.dtype.kind == "O" and not all(map(is_scalar, values.ravel().tolist())):
        raise hostile(BROKEN)
    return values.copy()
