"""Owns what is known of a graph in a file: nodes, constants, shapes. Knows neither bytes nor rules of operators."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

MAX_NUMBERS = 64  # elements of a constant whose values matter: a shape, axes, indices

Extent = int | str | None  # a dimension as a file declares it: a size, a name, or nothing
Array = np.ndarray[Any, np.dtype[Any]]


class Unclear(Exception):
    """Nothing can be concluded from the file; the message says why."""


@dataclass(frozen=True, slots=True)
class Floats:
    """An attribute of several floats, of which only the number is read."""

    count: int


@dataclass(frozen=True, slots=True, eq=False)
class Constant:
    """A tensor in the file. ``dims``: None for a sparse one; ``values``: flat, where they could be read."""

    name: str
    dims: tuple[int, ...] | None
    values: Array | None

    @property
    def numbers(self) -> tuple[int, ...] | None:
        """The values of a shape, of axes or indices: a few whole numbers."""
        if self.values is None or self.values.dtype.kind != "i" or self.values.size > MAX_NUMBERS:
            return None
        return tuple(self.values.tolist())

    @property
    def is_narrow(self) -> bool:
        """Whether these are whole numbers of less than 32 bits."""
        return self.values is not None and self.values.dtype.kind == "i" and self.values.dtype.itemsize < 4

    @property
    def scalar(self) -> bool | int | float | None:
        """The only value, if there is one; of narrow integers none, as sums of them wrap round."""
        if self.values is None or self.values.size != 1 or self.is_narrow:
            return None
        only: bool | int | float = self.values[0].item()
        return only


class Attributes(Mapping[str, object]):
    """The attributes of a node, each read when it is asked for.

    One is an int, a str, a tuple of these, `Floats`, a Constant, or None if it is another or too long.
    """

    def __init__(
        self, read: Callable[[slice], object], places: Mapping[str, slice], graphs: Mapping[str, Callable[[], Graph]]
    ) -> None:
        self._read = read
        self._places = places
        self.graphs = graphs  # sub-graphs by attribute, each read when it is called

    def __getitem__(self, name: str) -> object:
        return self._read(self._places[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


@dataclass(frozen=True, slots=True)
class Node:
    """One node. ONNX's own domain is the empty text; an input that is left out is one too."""

    domain: str
    operator: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Attributes


@dataclass(slots=True)
class Graph:
    """A graph. ``declared``: shapes by tensor, None for one whose rank is open; of inputs, outputs and others."""

    nodes: list[Node] = field(default_factory=list)
    constants: dict[str, Constant] = field(default_factory=dict)
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    declared: dict[str, tuple[Extent, ...] | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ModelGraph:
    """The main graph, the version of each operator set, and what the file defines itself: (domain, name)."""

    graph: Graph
    opsets: Mapping[str, int]
    functions: frozenset[tuple[str, str]]
