"""Owns the reading of a graph from the bytes of an ONNX file. Knows no rules of operators.

It is stricter than protobuf: what two readers might read differently (a field that stands twice, an attribute whose
type is not said) is `Unclear`, and nothing is concluded from it. Values of constants are views, never copies.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import prod

import numpy as np

from server.artefact.mixing.graph import (
    MAX_NUMBERS,
    Array,
    Attributes,
    Constant,
    Extent,
    Floats,
    Graph,
    ModelGraph,
    Node,
    Unclear,
)
from server.artefact.wire import FIXED32, VARINT, fields, varint

MAX_NODES = 100_000  # of a graph
MAX_READ_BYTES = 1 << 22  # of an attribute that a rule asks for
# Element types whose values are read, and the field that has them where they are not raw bytes.
DTYPES = {1: "<f4", 3: "<i1", 5: "<i2", 6: "<i4", 7: "<i8", 9: "?", 11: "<f8"}
WHOLE = {3: 5, 5: 5, 6: 5, 7: 7, 9: 5}
GRAPH = 5  # the type of an attribute that holds one

Fields = dict[int, list[int | slice]]


def read_model(data: bytes) -> ModelGraph:
    """Reads the graph of a file that `read_onnxfile` has read. Raises Unclear; BadFile, IndexError for what is damaged.

    Attributes and sub-graphs raise the same when they are asked for.
    """
    return _Reader(data).model()


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
        places: dict[str, slice] = {}
        graphs: dict[str, Callable[[], Graph]] = {}
        for part in _parts(message, 5):
            attribute = self._message(part, (20,))
            name, kind = self._text(attribute, 1), _narrow(attribute, 20)
            if not kind or 21 in attribute or kind == 11 or name in places:
                raise Unclear(f"the attribute {name!r} is not clear: its type is not said, or it stands twice")
            if (6 in attribute) != (kind == GRAPH) or 11 in attribute:
                raise Unclear(f"the attribute {name!r} is not clear: it holds a graph, and its type is another")
            places[name] = part
            if kind == GRAPH:
                graphs[name] = partial(self._graph, _one(attribute, 6))
        inputs = tuple(self._decoded(part) for part in _parts(message, 1))
        outputs = tuple(self._decoded(part) for part in _parts(message, 2))
        attributes = Attributes(self._attribute, places, graphs)
        return Node(self.domain(message, 7), self._text(message, 4), inputs, outputs, attributes)

    def _attribute(self, place: slice) -> object:
        if place.stop - place.start > MAX_READ_BYTES:
            return None
        kind = _narrow(self._message(place, (20,)), 20)
        message = self._message(place, (3,) if kind == 2 else (8,) if kind == 7 else (), (7,) if kind == 6 else ())
        if kind == 2:
            return _signed(_number(message, 3))
        if kind == 3:
            return self._text(message, 4)
        if kind == 4:
            return self._tensor(_one(message, 5))
        if kind == 6:
            return Floats(sum((part.stop - part.start) // 4 for part in _parts(message, 7)))
        if kind == 7:
            return tuple(_signed(number) for number in self._numbers(message, 8))
        return tuple(self._decoded(part) for part in _parts(message, 9)) if kind == 8 else None

    def _tensor(self, place: slice) -> Constant:
        message = self._message(place, (1, 2))
        dims = tuple(_signed(number) for number in self._numbers(message, 1))
        if any(dim < 0 for dim in dims) or len(dims) > MAX_NUMBERS:
            raise Unclear("the shape of a constant is no shape")
        kind, values = _narrow(message, 2), None
        if kind in DTYPES:
            values = self._raw(message, kind) if 9 in message else self._typed(place, kind, prod(dims))
        return Constant(
            self._text(message, 8), dims, values if values is not None and values.size == prod(dims) else None
        )

    def _raw(self, message: Fields, kind: int) -> Array | None:
        place, dtype = _one(message, 9), np.dtype(DTYPES[kind])
        if any(number in message for number in (4, 5, 7, 10, 11)):
            raise Unclear("a constant has its values twice")
        if (place.stop - place.start) % dtype.itemsize:
            return None
        count = (place.stop - place.start) // dtype.itemsize
        return np.frombuffer(self._data, dtype, count, place.start) if count else np.empty(0, dtype)

    def _typed(self, place: slice, kind: int, count: int) -> Array | None:
        if count > MAX_NUMBERS:
            return None
        if kind in WHOLE:
            numbers = [_signed(value) for value in self._numbers(self._message(place, (WHOLE[kind],)), WHOLE[kind])]
            values = np.array(numbers, np.int64)
            return read if np.array_equal(read := values.astype(DTYPES[kind]), values) else None
        number = 4 if kind == 1 else 10
        parts = self._message(place, (), (number,) if kind == 1 else ()).get(number, [])
        return np.frombuffer(b"".join(self._data[part] for part in parts if isinstance(part, slice)), DTYPES[kind])

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


def _narrow(message: Fields, number: int) -> int:
    """A number of 32 bits. Raises Unclear for one that protobuf would cut off, and take for another."""
    value = _number(message, number)
    if value >> 31:
        raise Unclear("a number of the file is wider than its type")
    return value


def _signed(number: int) -> int:
    """A varint as the int64 that it stands for."""
    number &= (1 << 64) - 1
    return number - (1 << 64) if number >> 63 else number
