"""Owns what a column's values are as tensors: missing ones, constants, choices, the dtype that holds several.

A text stands where one is missing; a constant of Python has no dtype of its own, as in numpy.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from convert.graph.graph import Graph, Tensor
from server.artefact.metadata import MISSING_TEXT


class NoNode(Exception):
    """There is no node for this; the message says for what."""


def is_text(value: Any) -> bool:
    """Whether this is a tensor of texts."""
    return isinstance(value, Tensor) and value.dtype.kind == "O"


def missing(x: Tensor) -> Tensor:
    """Where a value is missing: NaN, or the text that stands for none."""
    if is_text(x):
        return x.coded({MISSING_TEXT: 1}, 0).equals(1)
    return x.is_nan() if x.dtype.kind == "f" else constant_like(x, False)


def constant_like(x: Tensor, value: Any) -> Tensor:
    """[rows, width] of one value, as many as ``x`` has."""
    graph = x.graph
    shape = graph.op("Shape", x, dtype=np.int64)
    constant = graph.constant(np.asarray(value, object) if isinstance(value, str) else value)
    return graph.op("Expand", constant, shape, dtype=constant.dtype)


def choose(graph: Graph, condition: Tensor, yes: Any, no: Any) -> Tensor:
    """``condition ? yes : no``, in a dtype that holds both; ONNX Runtime has no choice of booleans."""
    dtype = joint_dtype([yes, no])
    this, that = (as_operand(graph, side, dtype) for side in (yes, no))
    if dtype == np.bool_:
        return (condition & this) | (~condition & that)
    return graph.op("Where", condition, this, that, dtype=dtype)


def joint_dtype(values: Sequence[Any]) -> np.dtype[Any]:
    """The dtype that holds all of these: texts beside numbers have none."""
    kinds = {holds_text(value) for value in values if not is_nothing(value)}
    if kinds == {True}:
        return np.dtype(object)
    if len(kinds) > 1:
        raise NoNode("a column that holds texts beside numbers")
    whole = [dtype_of(value) for value in values if not is_nothing(value)]
    return np.result_type(*whole, *[np.float64 for value in values if is_nothing(value)])


def holds_text(value: Any) -> bool:
    if isinstance(value, Tensor):
        return is_text(value)
    return np.asarray(value).dtype.kind in "OUS"


def is_nothing(value: Any) -> bool:
    return value is None or (isinstance(value, float | np.floating) and bool(np.isnan(value)))


def dtype_of(value: Any) -> Any:
    return value.dtype if isinstance(value, Tensor | np.ndarray | np.generic) else value


def as_operand(graph: Graph, value: Any, dtype: np.dtype[Any]) -> Tensor:
    """A tensor or a constant in this dtype; a missing text is the text that stands for none."""
    if isinstance(value, Tensor):
        return value.cast(dtype)
    if dtype.kind == "O":
        told = np.asarray(value, object)
        filled = [MISSING_TEXT if item is None or item != item else str(item) for item in told.ravel().tolist()]
        return graph.constant(np.array(filled, object).reshape(told.shape))
    return graph.constant(np.asarray(np.nan if value is None else value).astype(dtype))


def infinite(x: Tensor) -> Tensor:
    """Where a number is infinite."""
    return x.unary("Abs").equals(np.inf) if x.dtype.kind == "f" else constant_like(x, False)
