"""Owns tensors: specs, the buffers that hold a request's rows until its run, arrays of several buffers.

A *buffer* has the rows of one request for one graph input: row-major bytes for numbers, a flat list for strings. One
`bytes.join` concatenates the buffers of many requests. Knows no protocol.
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
TEXT_BYTES = 64  # of memory that a short text takes
FEW_TEXTS = 4096  # whose characters are counted: of more the body that brought them bounds these


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """Name, numpy dtype and shape of one graph input or output; a dimension that varies is None."""

    name: str
    dtype: np.dtype[Any]
    shape: tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class InputLayout:
    """One graph input of shape ``[rows, *row_shape]``."""

    name: str
    dtype: np.dtype[Any]
    row_shape: tuple[int, ...]
    shape: tuple[int, ...] = field(init=False)  # with -1 for the rows

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", (-1, *self.row_shape))

    @property
    def row_items(self) -> int:
        """Elements of one row."""
        return prod(self.row_shape)


def concatenate(layout: InputLayout, buffers: Sequence[Buffer]) -> Array:
    """Makes one ``[rows, *row_shape]`` array of the buffers for one input; copies no single buffer of numbers."""
    if layout.dtype.kind == "O":
        flat: Array = np.array([*chain.from_iterable(cast("Sequence[list[str]]", buffers))], np.object_)
    else:
        numbers = cast("Sequence[bytes]", buffers)
        flat = np.frombuffer(numbers[0] if len(numbers) == 1 else b"".join(numbers), layout.dtype)
    return flat.reshape(layout.shape)


def buffer_bytes(buffers: Sequence[Buffer]) -> int:
    """Bytes of memory that buffers take, with what Python needs for each text; a character may take four."""
    return sum([_text_bytes(buffer) if isinstance(buffer, list) else len(buffer) for buffer in buffers])


def _text_bytes(texts: list[str]) -> int:
    return TEXT_BYTES * len(texts) + (4 * sum(map(len, texts)) if len(texts) <= FEW_TEXTS else 0)


def slice_rows(layout: InputLayout, buffer: Buffer, start: int, stop: int) -> Buffer:
    """The rows ``start`` to ``stop`` of a buffer, without a copy of numbers."""
    if isinstance(buffer, list):
        return buffer[start * layout.row_items : stop * layout.row_items]
    row_bytes = layout.row_items * layout.dtype.itemsize
    return memoryview(buffer).cast("B")[start * row_bytes : stop * row_bytes]
