"""Owns how the rows of a request are held until their batch runs, and how rows become arrays. Knows no protocol.

A *part* is what one request brings for one graph input: row-major bytes for numbers, a flat list for strings. Joining
the parts of many requests is then one `bytes.join`, whoever they came from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain
from math import prod
from typing import Any, cast

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]
Part = bytes | memoryview | list[str]


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


def join(layout: InputLayout, parts: Sequence[Part]) -> Array:
    """One ``[rows, *row_shape]`` array of what several requests bring for one input; a single buffer is not copied."""
    if layout.dtype.kind == "O":
        flat: Array = np.array([*chain.from_iterable(cast("Sequence[list[str]]", parts))], np.object_)
    else:
        buffers = cast("Sequence[bytes]", parts)
        flat = np.frombuffer(buffers[0] if len(buffers) == 1 else b"".join(buffers), layout.dtype)
    return flat.reshape(layout.shape)


def cut(layout: InputLayout, part: Part, start: int, stop: int) -> Part:
    """The rows ``start`` to ``stop`` of a part, without a copy where it is a buffer."""
    if isinstance(part, list):
        return part[start * layout.row_items : stop * layout.row_items]
    row_bytes = layout.row_items * layout.dtype.itemsize
    return memoryview(part).cast("B")[start * row_bytes : stop * row_bytes]
