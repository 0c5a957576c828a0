"""Owns tensors: their specs, the buffers that hold a request's rows until its batch runs, arrays of many such rows.

A *buffer* is what one request brings for one graph input: row-major bytes for numbers, a flat list for strings.
Concatenating the buffers of many requests is then one `bytes.join`. Knows no protocol.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain
from math import prod
from typing import Any, cast

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]
Buffer = bytes | memoryview | list[str]


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """Name, numpy dtype and shape of one graph input or output; a dimension that varies is None."""

    name: str
    dtype: np.dtype[Any]
    shape: tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class InputLayout:
    """One graph input, rows first: ``row_shape`` is the shape of a single row in it."""

    name: str
    dtype: np.dtype[Any]
    row_shape: tuple[int, ...]
    shape: tuple[int, ...] = field(init=False)  # of all rows, however many

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", (-1, *self.row_shape))

    @property
    def row_items(self) -> int:
        """Elements of one row."""
        return prod(self.row_shape)


def concatenate(layout: InputLayout, buffers: Sequence[Buffer]) -> Array:
    """One ``[rows, *row_shape]`` array of the buffers of several requests for one input; a single one is not copied."""
    if layout.dtype.kind == "O":
        flat: Array = np.array([*chain.from_iterable(cast("Sequence[list[str]]", buffers))], np.object_)
    else:
        numbers = cast("Sequence[bytes]", buffers)
        flat = np.frombuffer(numbers[0] if len(numbers) == 1 else b"".join(numbers), layout.dtype)
    return flat.reshape(layout.shape)


def slice_rows(layout: InputLayout, buffer: Buffer, start: int, stop: int) -> Buffer:
    """The rows ``start`` to ``stop`` of a buffer, without a copy where it is bytes."""
    if isinstance(buffer, list):
        return buffer[start * layout.row_items : stop * layout.row_items]
    row_bytes = layout.row_items * layout.dtype.itemsize
    return memoryview(buffer).cast("B")[start * row_bytes : stop * row_bytes]
