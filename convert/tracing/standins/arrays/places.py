"""Owns which columns of an array a key names, where they lie in memory, and what is put there."""

from __future__ import annotations

from typing import Any

import numpy as np

from convert.graph.graph import Tensor
from convert.tracing.recorder import elements
from convert.tracing.recorder.refusals import refuse
from convert.tracing.standins.standin import StandIn, alike


def split_key(array: StandIn, key: Any) -> tuple[Any, Any]:
    """All rows, and which columns; None for rows where the key adds a dimension, for columns where it names none."""
    if key is Ellipsis or (isinstance(key, slice) and key == slice(None)):
        return slice(None), None
    if isinstance(key, tuple) and len(key) == 2 and array.concrete.ndim == 1 and key[1] is None and is_all(key[0]):
        return None, None
    if isinstance(key, tuple) and len(key) == 2 and array.concrete.ndim == 2 and is_all(key[0]):
        if isinstance(key[1], StandIn):
            raise refuse("it chooses columns by the values of rows", "choose them in fit")
        return slice(None), key[1]
    raise refuse("it takes some of the rows", "a transformer answers every row: np.where in place of a selection")


def is_all(key: Any) -> bool:
    """Whether a key names everything."""
    return key is Ellipsis or (isinstance(key, slice) and key == slice(None))


def address(concrete: Any, at: int) -> tuple[int, tuple[int, ...]]:
    """Where a column lies in memory: views of one array have it in common."""
    rows = concrete if concrete.ndim == 1 else concrete[:, at]
    return rows.__array_interface__["data"][0], rows.strides


def storage_of(array: StandIn) -> Any:
    """The dtype that an array's columns are set in."""
    return array.concrete.dtype


def spread(array: StandIn, value: Any, width: int) -> list[Tensor]:
    """A value as the tensors [rows, 1] of so many columns."""
    recorder = array.recorder
    if isinstance(value, StandIn):
        singles = [value.columns_.take([at]).parts[0][0] for at in range(value.columns_.width)]
        return singles * width if len(singles) == 1 else singles
    constant = alike(recorder, value)
    like = array.columns_.take([0]).parts[0][0]
    values = [constant] * width if not np.ndim(constant) else list(constant)
    return [filled(like, item) for item in values]


def filled(like: Tensor, value: Any) -> Tensor:
    """[rows, 1] of one constant."""
    kind = elements.joint_dtype([value]) if value is not None else np.dtype(np.float64)
    return elements.constant_like(like, elements.as_operand(like.graph, value, kind))
