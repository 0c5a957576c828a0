"""Owns what a file keeps of tables: the names of columns as pandas wrote them, and the steps of an imputer.

Knows no pandas: an index of columns becomes the list of their names.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from convert.opening.plain import is_scalar, is_whole
from convert.opening.refusal import hostile

LONGEST_INDEX = 1 << 20
BROKEN = "an index of pandas in the file is no list of columns"


class Strings:
    """Stands for pandas' array of strings while an index is made of it."""

    def __init__(self) -> None:
        self.values: list[Any] = []


def make_strings(arguments: tuple[Any, ...]) -> Strings:
    """An empty one: class, checksum and state are pandas' own business."""
    return Strings()


def fill_strings(made: Strings, state: Any) -> None:
    """From (dtype, array), in any order."""
    arrays = [part for part in state if type(part) is np.ndarray] if type(state) is tuple else []
    if len(arrays) != 1:
        raise hostile(BROKEN)
    made.values = _listed(arrays[0])


def make_index(arguments: tuple[Any, ...]) -> list[Any]:
    """The names of an Index, or the positions of a RangeIndex."""
    state = arguments[1] if len(arguments) == 2 else None
    if type(state) is not dict:
        raise hostile(BROKEN)
    if "data" in state:
        data = state["data"]
        return list(data.values) if type(data) is Strings else _listed(data)
    ends: list[Any] = [state.get(name) for name in ("start", "stop", "step")]
    if not all(map(is_whole, ends)) or not ends[2] or len(range(*ends)) > LONGEST_INDEX:
        raise hostile(BROKEN)
    return list(range(*ends))


def _listed(values: Any) -> list[Any]:
    listed: list[Any] | None = values.tolist() if type(values) is np.ndarray and values.ndim == 1 else None
    if listed is None or not all(map(is_scalar, listed)):
        raise hostile(BROKEN)
    return listed


class ImputerStep:
    """Stands for scikit-learn's named tuple: the column that is guessed, those it is guessed from, by what."""

    def __init__(self, feat_idx: int, neighbor_feat_idx: Any, estimator: Any) -> None:
        self.feat_idx = feat_idx
        self.neighbor_feat_idx = neighbor_feat_idx
        self.estimator = estimator


def make_imputer_step(arguments: tuple[Any, ...]) -> ImputerStep:
    """Of a position, an array of positions and an estimator."""
    if len(arguments) != 3:
        raise hostile("a step of an imputer in the file is broken")
    column, others, estimator = arguments
    sound = isinstance(column, int | np.integer) and column >= 0 and type(others) is np.ndarray
    if not sound or others.ndim != 1 or others.dtype.kind not in "iu":
        raise hostile("a step of an imputer in the file is broken")
    return ImputerStep(int(column), others, estimator)
