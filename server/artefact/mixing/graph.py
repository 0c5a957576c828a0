"""Owns the graph of an ONNX file: nodes, constants and shapes, read from the wire format. Knows no rules of operators.

It is stricter than protobuf: what two readers might read differently (a field that stands twice, an attribute whose
type is not said) is `Unclear`, and nothing is concluded from it. Long lists of numbers are passed over, not read.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod
from typing import NamedTuple

from server.artefact.wire import FIXED32, VARINT, BadFile, fields, varint

MAX_NODES = 100_000  # of a graph
MAX_READ_BYTES = 1 << 16  # of an attribute: numbers are read up to here
MAX_NUMBERS = 64  # elements of a constant whose values matter: a shape, axes, indices
INT32, INT64, BOOL, STRING = 6, 7, 9, 8  # element types

Extent = int | str | None  # a dimension as a file declares it: a size, a name, or nothing
Fields = dict[int, list[int | slice]]


class Unclear(Exception):
    """Nothing can be concluded from the file; the message says why."""


@dataclass(frozen=True, slots=True)
class Floats:
    """An attribute of several floats, of which only the number is read."""

    count: int


class Constant(NamedTuple):
    """A tensor in the file. ``dims``: None for a sparse one; ``numbers``: its values if they are few whole numbers."""

    name: str
    dims: tuple[int, ...] | None
    numbers: tuple[int, ...] | None


@dataclass(frozen=True, slots=True)
class Node:
    """One node. An attribute is an int, a str, a tuple of these, `Floats`, a Constant, a Graph, or None if not read."""

    domain: str
    operator: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, object]


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


def read_model(data: bytes) -> ModelGraph:
    """Reads the graph of a file that `read_onnxfile` has read. Raises Unclear."""
    try:
        return _Reader(data).model()
    except (BadFile, IndexError) as error:
        raise Unclear("the file cannot be read as a graph") from error


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data

    def model(self) -> ModelGraph:
        model = self._message(slice(0, len(self._data)), ())
        opsets: dict[str, int] = {}
        for part in _parts(model, 8):
            entry = self._message(part, (2,))
            domain = self.domain(entry, 1)
            version = _number(entry, 2)
            if opsets.setdefault(domain, version) != version:
                raise Unclear(f"the file imports two operator sets of {domain or 'ai.onnx'!r}")
        functions = [self._message(part, ()) for part in _parts(model, 25)]
        named = frozenset((self.domain(function, 10), self._text(function, 1)) for function in functions)
        return ModelGraph(self._graph(_one(model, 7)), opsets, named)

    def domain(self, message: Fields, number: int) -> str:
        name = self._text(message, number)
        return "" if name == "ai.onnx" else name

    def _graph(self, place: slice) -> Graph:
        message, graph = self._message(place, ()), Graph()
        parts = _parts(message, 1)
        if len(parts) > MAX_NODES:
            raise Unclear(f"the graph has more than {MAX_NODES} nodes")
        graph.nodes = [self._node(part) for part in parts]
        constants = [self._tensor(part) for part in _parts(message, 5)]
        for part in _parts(message, 15):  # sparse: its values bear the name
            values = self._tensor(_one(self._message(part, ()), 1))
            constants.append(Constant(values.name, None, None))
        graph.constants = {constant.name: constant for constant in constants}
        for number, names in ((11, graph.inputs), (12, graph.outputs), (13, None)):
            for part in _parts(message, number):
                name, shape = self._declaration(part)
                if name in graph.declared and graph.declared[name] != shape:
                    raise Unclear(f"the shape of {name!r} is declared twice")
                graph.declared[name] = shape
                if names is not None:
                    names.append(name)
        if len(graph.constants) < len(constants) or len(set(graph.inputs)) < len(graph.inputs):
            raise Unclear("two tensors of the graph have one name")
        return graph

    def _node(self, place: slice) -> Node:
        message = self._message(place, ())
        attributes: dict[str, object] = {}
        for part in _parts(message, 5):
            name, value = self._attribute(part)
            if name in attributes:
                raise Unclear(f"an attribute {name!r} stands twice in one node")
            attributes[name] = value
        inputs = tuple(self._decoded(part) for part in _parts(message, 1))
        outputs = tuple(self._decoded(part) for part in _parts(message, 2))
        return Node(self.domain(message, 7), self._text(message, 4), inputs, outputs, attributes)

    def _attribute(self, place: slice) -> tuple[str, object]:
        is_short = place.stop - place.start <= MAX_READ_BYTES
        message = self._message(place, (3, 8, 20) if is_short else (3, 20), (7,) if is_short else ())
        name, kind = self._text(message, 1), _number(message, 20)
        if not kind or 21 in message:
            raise Unclear(f"the type of the attribute {name!r} is not said")
        if kind == 11:
            raise Unclear(f"the attribute {name!r} holds several graphs")
        value: object = None
        if kind == 2:
            value = _signed(_number(message, 3))
        elif kind == 3:
            value = self._text(message, 4)
        elif kind == 4:
            value = self._tensor(_one(message, 5))
        elif kind == 5:
            value = self._graph(_one(message, 6))
        elif kind == 6 and is_short:
            value = Floats(sum((part.stop - part.start) // 4 for part in _parts(message, 7)))
        elif kind == 7 and is_short:
            value = tuple(_signed(number) for number in self._numbers(message, 8))
        elif kind == 8 and len(_parts(message, 9)) <= MAX_NODES:
            value = tuple(self._decoded(part) for part in _parts(message, 9))
        return name, value

    def _tensor(self, place: slice) -> Constant:
        message = self._message(place, (1, 2))
        dims = tuple(_signed(number) for number in self._numbers(message, 1))
        if any(dim < 0 for dim in dims) or len(dims) > MAX_NUMBERS:
            raise Unclear("the shape of a constant is no shape")
        count, kind, numbers = prod(dims), _number(message, 2), None
        if count <= MAX_NUMBERS and kind in (INT32, INT64):
            numbers = self._whole_numbers(place, kind)
            numbers = numbers if numbers is not None and len(numbers) == count else None
        return Constant(self._text(message, 8), dims, numbers)

    def _whole_numbers(self, place: slice, kind: int) -> tuple[int, ...] | None:
        number = 7 if kind == INT64 else 5
        message = self._message(place, (number,))
        raw = _parts(message, 9)
        if (raw and number in message) or len(raw) > 1:
            raise Unclear("a constant has its values twice")
        if not raw:
            return tuple(_signed(value) for value in self._numbers(message, number))
        size = 8 if kind == INT64 else 4
        data = self._data[raw[0]]
        if len(data) % size or len(data) > size * MAX_NUMBERS or sys.byteorder != "little":
            return None
        return tuple(int.from_bytes(data[at : at + size], "little", signed=True) for at in range(0, len(data), size))

    def _declaration(self, place: slice) -> tuple[str, tuple[Extent, ...] | None]:
        message = self._message(place, ())
        name = self._text(message, 1)
        if 2 not in message:
            return name, None
        tensor = _parts(self._message(_one(message, 2), ()), 1)
        if not tensor:
            return name, None
        if len(tensor) > 1:
            raise Unclear(f"the type of {name!r} is declared twice")
        shape = self._message(tensor[0], ())
        if 2 not in shape:
            return name, None
        return name, tuple(self._extent(part) for part in _parts(self._message(_one(shape, 2), ()), 1))

    def _extent(self, place: slice) -> Extent:
        message = self._message(place, (1,))
        if 1 in message and 2 in message:
            raise Unclear("a dimension is a size and a name at once")
        if 1 in message:
            return _signed(_number(message, 1))
        return self._text(message, 2) or None

    # Messages

    def _message(self, place: slice, numbers: tuple[int, ...], floats: tuple[int, ...] = ()) -> Fields:
        """The fields of a message by number: places of what has a length and of ``floats``, values of ``numbers``."""
        tags = (*(number << 3 for number in numbers), *(number << 3 | FIXED32 for number in floats))
        found: Fields = {}
        for tag, at, stop in fields(self._data, place.start, place.stop, tags):
            value = stop if tag & 7 == VARINT else slice(at, stop)
            found.setdefault(tag >> 3, []).append(value)
        return found

    def _text(self, message: Fields, number: int) -> str:
        return self._decoded(_one(message, number)) if number in message else ""

    def _decoded(self, place: slice) -> str:
        return self._data[place].decode("utf-8", "surrogateescape")

    def _numbers(self, message: Fields, number: int) -> list[int]:
        """A list of numbers, each in a field of its own or many packed in one."""
        found: list[int] = []
        for value in message.get(number, ()):
            if isinstance(value, slice):
                found += _packed(self._data, value)
            else:
                found.append(value)
        return found


def _packed(data: bytes, place: slice) -> list[int]:
    found: list[int] = []
    at = place.start
    while at < place.stop and len(found) <= MAX_READ_BYTES:
        number, at = varint(data, at)
        found.append(number)
    if at != place.stop:
        raise Unclear("a list of numbers does not end where it should")
    return found


def _parts(message: Fields, number: int) -> list[slice]:
    return [value for value in message.get(number, ()) if isinstance(value, slice)]


def _one(message: Fields, number: int) -> slice:
    parts = _parts(message, number)
    if len(parts) != 1:
        raise Unclear("a part of the file stands twice, or is missing")
    return parts[0]


def _number(message: Fields, number: int) -> int:
    values = message.get(number, [0])
    if len(values) != 1 or not isinstance(values[0], int):
        raise Unclear("a number of the file stands twice")
    return values[0]


def _signed(number: int) -> int:
    """A varint as the int64 that it stands for."""
    number &= (1 << 64) - 1
    return number - (1 << 64) if number >> 63 else number
