"""Owns the encoding of output arrays as JSON, and the group of JSON requests. Knows no sessions and no HTTP.

A batch is encoded once, column by column: every field becomes a list with the JSON bytes of each row; an answer then
joins its own rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import orjson

from server.artefact.metadata import Artefact, Scalar
from server.artefact.runtime import Feed
from server.artefact.tensors import Array, InputLayout, TensorSpec, concatenate, slice_rows
from server.batching.entry import Entry, PiecedAnswer
from server.codecs.slices import SLICE_ITEMS, Slices, ranges, rows_per_slice
from server.metrics.families import RouteName

HALF_BYTES, DOUBLE_BYTES = 2, 8
FEW_NUMBERS = 256  # for so many numbers lists are faster than numpy's fancy indexing

Column = list[bytes]
Render = Callable[[Sequence[Array]], Column]


class Field(NamedTuple):
    """How outputs become a JSON field: ``rows`` encodes row by row; ``whole``, if faster, all rows as one list.

    ``position``: of the output that the field is, value by value; None if it is made of several or of their labels.
    ``is_flat``: a row of one element is that element, not a list.
    """

    rows: Render
    whole: Callable[[Sequence[Array]], bytes] | None = None
    position: int | None = None
    is_flat: bool = False

    def all_rows(self, outputs: Sequence[Array]) -> bytes:
        """Encodes all rows as one JSON list."""
        return b"[" + b",".join(self.rows(outputs)) + b"]" if self.whole is None else self.whole(outputs)


class JsonGroup:
    """The requests that are answered with the same JSON fields, made from the same graph outputs.

    An entry's ``request`` is a pair: a tuple of one buffer per input, and whether it is a single row outside a list.
    """

    rows_first = True
    route_name: RouteName = "predict"
    counts_stages = False

    def __init__(
        self,
        layouts: Sequence[InputLayout],
        outputs: Sequence[str],
        fields: Mapping[str, Field],
        version: str | None,
        within: str | None = None,
    ) -> None:
        """``within``: the key of an object around the fields, None for none. ``version``: of answers, None for none."""
        self.outputs = tuple(outputs)
        self._layouts = tuple(layouts)
        self._fields = tuple(fields.values())
        self._renders = tuple([field.rows for field in self._fields])
        opening, closing = (b"{", b"") if within is None else (b"{" + orjson.dumps(within) + b":{", b"}")
        keys = [(b"," if number else opening) + orjson.dumps(key) + b":" for number, key in enumerate(fields)]
        version_field = b"" if version is None else b',"model_version":' + orjson.dumps(version)
        self._between = [*keys, closing + version_field + b"}"]  # before, between and behind the values of the fields
        self._template = b"%b".join(map(_escaped, self._between))

    def feed(self, entries: Sequence[Entry], start: int | None, rows: int) -> Feed:
        """Makes the graph inputs, ``[rows, width]`` each; of the only entry from row ``start`` on, else of all."""
        if start is not None:
            buffers, _ = entries[0].request
            return {
                layout.name: concatenate(layout, [slice_rows(layout, buffer, start, start + rows)])
                for layout, buffer in zip(self._layouts, buffers, strict=True)
            }
        return {
            layout.name: concatenate(layout, [entry.request[0][index] for entry in entries])
            for index, layout in enumerate(self._layouts)
        }

    def deliver(self, entries: Sequence[Entry], outputs: Sequence[Array]) -> None:
        """Answers every entry that is not done: a single row with values, a list of rows with lists."""
        if len(entries) == 1 and not entries[0].request[1]:
            self._answer_alone(entries[0], outputs)
            return
        columns = self.encode(outputs)
        if len(outputs[0]) == len(entries):
            for row, (entry, body) in enumerate(zip(entries, self.bodies(columns), strict=True)):
                if not entry.done:
                    entry.done = True
                    entry.answer(body if entry.request[1] else self.body_of(columns, row, row + 1))
            return
        row = 0
        for entry in entries:
            end = row + entry.rows
            if not entry.done:
                entry.done = True
                entry.answer(self.body(columns, row) if entry.request[1] else self.body_of(columns, row, end))
            row = end

    def deliver_in_slices(self, entry: Entry, outputs: Sequence[Array]) -> Slices[None]:
        """Answers one entry as `deliver` does, some values at a time."""
        alone = entry.request[1]
        pieces: list[bytes | memoryview] = [self._between[0]]
        for field, after in zip(self._fields, self._between[1:], strict=True):
            pieces += yield from _field_in_slices(field, outputs, alone)
            pieces.append(after)
        if not entry.done:
            entry.done = True
            entry.answer_in_pieces(PiecedAnswer(pieces, b"application/json", ()))

    def _answer_alone(self, entry: Entry, outputs: Sequence[Array]) -> None:
        if not entry.done:
            body = self.whole(outputs)
            entry.done = True
            entry.answer(body)

    def encode(self, outputs: Sequence[Array]) -> tuple[Column, ...]:
        """Encodes a batch: for each field the JSON of every row."""
        return tuple([render(outputs) for render in self._renders])

    def bodies(self, columns: tuple[Column, ...]) -> list[bytes]:
        """The JSON body of each row of an encoded batch, as single rows."""
        template = self._template
        return [template % row for row in zip(*columns, strict=True)]

    def body(self, columns: tuple[Column, ...], row: int) -> bytes:
        """The JSON body of a single row."""
        return self._template % tuple([column[row] for column in columns])

    def body_of(self, columns: tuple[Column, ...], start: int, stop: int) -> bytes:
        """The JSON body of the rows ``start`` to ``stop`` as a list."""
        return self._template % tuple([b"[" + b",".join(column[start:stop]) + b"]" for column in columns])

    def whole(self, outputs: Sequence[Array]) -> bytes:
        """The JSON body of all rows as a list: `body_of` for a batch of one entry."""
        return self._template % tuple([field.all_rows(outputs) for field in self._fields])


def _field_in_slices(field: Field, outputs: Sequence[Array], alone: bool) -> Slices[list[bytes]]:
    """The JSON of a field in pieces; ``alone``: of its only row, else of a list of its rows."""
    if field.position is not None:
        output = outputs[field.position]
        if output.ndim > 1 and output.size == len(output) and field.is_flat:
            output = output.reshape(-1)
        if alone and output.ndim == 1:
            return numbers(output)
        return (yield from dumped_in_slices(output[0] if alone else output))
    parts: list[bytes] = []
    rows = len(outputs[0])
    width = sum([output.size for output in outputs]) // max(rows, 1)
    for start, stop in ranges(rows, rows_per_slice(width)):
        parts += [b",", b",".join(field.rows([output[start:stop] for output in outputs]))]
        yield
    return parts[1:] if alone else [b"[", *parts[1:], b"]"]


def dumped_in_slices(array: Array) -> Slices[list[bytes]]:
    """An array as JSON in pieces, nested as its shape; numbers as in `numbers`."""
    if array.size <= SLICE_ITEMS:
        return [_dumped(array)]
    pieces: list[bytes] = []
    width = array.size // len(array)
    for start, stop in ranges(len(array), rows_per_slice(width)):
        pieces.append(b",")
        if width > SLICE_ITEMS:
            pieces += yield from dumped_in_slices(array[start])
        else:
            pieces.append(_dumped(array[start:stop])[1:-1])
            yield
    return [b"[", *pieces[1:], b"]"]


def _escaped(json: bytes) -> bytes:
    return json.replace(b"%", b"%%")


def numbers(array: Array) -> list[bytes]:
    """Each element as JSON: numbers in the shortest form that reads back the same, NaN and infinities as null."""
    if not array.size:
        return []
    if array.dtype.kind == "O":
        return [orjson.dumps(text) for text in array.reshape(-1).tolist()]
    flat = np.ascontiguousarray(array).reshape(-1)
    if flat.itemsize == HALF_BYTES and flat.dtype.kind == "f":
        flat = flat.astype(np.float32)
    return orjson.dumps(flat, option=orjson.OPT_SERIALIZE_NUMPY)[1:-1].split(b",")


def _dumped(array: Array) -> bytes:
    """An array as JSON, nested as its shape; numbers as in `numbers`."""
    if array.dtype.kind == "O":
        return orjson.dumps(array.tolist())
    return orjson.dumps(_plain(array), option=orjson.OPT_SERIALIZE_NUMPY)


def _plain(array: Array) -> Array:
    """An array as the JSON encoder takes it."""
    return array.astype(np.float32) if array.dtype == np.float16 else np.ascontiguousarray(array)


def _rows_of(array: Array) -> Column:
    """One JSON value per row: its number where it has one element, else a list."""
    return numbers(array) if array.size == len(array) else _lists_of(array)


def _lists_of(array: Array) -> Column:
    """One JSON list per row."""
    width = array.size // len(array)
    if not width:
        return [b"[]"] * len(array)
    if array.dtype.kind == "O":
        return [orjson.dumps(row) for row in array.reshape(len(array), width).tolist()]
    plain = _plain(array).reshape(len(array), width)
    return [orjson.dumps(row, option=orjson.OPT_SERIALIZE_NUMPY) for row in plain]


def _nested(array: Array) -> Column:
    """One JSON value per row, nested as its shape."""
    if array.ndim <= 2:
        return numbers(array) if array.ndim == 1 else _lists_of(array)
    return [_dumped(row) for row in array]


def values(position: int) -> Field:
    """A field of numbers: a regressor's value, decision values, transformed features."""

    def whole(outputs: Sequence[Array]) -> bytes:
        array = outputs[position]
        return _dumped(array.reshape(-1) if array.size == len(array) else array)

    return Field(lambda outputs: _rows_of(outputs[position]), whole, position, is_flat=True)


def anything(position: int) -> Field:
    """A field of an output without a role: each row as it is."""
    return Field(lambda outputs: _nested(outputs[position]), lambda outputs: _dumped(outputs[position]), position)


def labels(position: int, classes: Sequence[Scalar] | None) -> Field:
    """A field of the predicted labels, with the type of the class: a graph may give 1 for the class true."""
    table = {label: orjson.dumps(label) for label in classes or ()}

    def render(outputs: Sequence[Array]) -> Column:
        predicted = outputs[position].reshape(-1).tolist()
        try:
            return [table[label] for label in predicted]
        except KeyError:  # a label that is no class, or a model without classes
            return [orjson.dumps(label) for label in predicted]

    return Field(render)


def label_lists(position: int, classes: Sequence[Sequence[Scalar]]) -> Field:
    """A field of the labels of a model with several targets: a list per row."""
    tables = [{label: orjson.dumps(label) for label in target} for target in classes]

    def render(outputs: Sequence[Array]) -> Column:
        rows = outputs[position].tolist()
        return [b"[" + b",".join(table[label] for table, label in zip(tables, row, strict=True)) + b"]" for row in rows]

    return Field(render)


def _of_label(predicted: Array, probabilities: Array, column_of: Mapping[Any, int]) -> list[bytes]:
    columns = [column_of[label] for label in predicted.tolist()]
    if probabilities.itemsize == DOUBLE_BYTES and probabilities.size <= FEW_NUMBERS:
        rows = probabilities.tolist()
        return orjson.dumps([row[column] for row, column in zip(rows, columns, strict=True)])[1:-1].split(b",")
    return numbers(probabilities[np.arange(len(columns)), columns])


def probability(label: int, position: int, classes: Sequence[Scalar]) -> Field:
    """A field of the predicted label's probability; not always the largest, as a threshold may be tuned."""
    column_of = {name: column for column, name in enumerate(classes)}
    return Field(lambda outputs: _of_label(outputs[label].reshape(-1), outputs[position], column_of))


def probability_lists(label: int, positions: Sequence[int], classes: Sequence[Sequence[Scalar]]) -> Field:
    """`probability` for several targets: a list per row."""
    columns_of = [{name: column for column, name in enumerate(target)} for target in classes]

    def render(outputs: Sequence[Array]) -> Column:
        targets = [
            _of_label(outputs[label][:, target], outputs[position], columns_of[target])
            for target, position in enumerate(positions)
        ]
        return [b"[" + b",".join(row) + b"]" for row in zip(*targets, strict=True)]

    return Field(render)


def class_key(label: Scalar) -> bytes:
    """A class as the key of a JSON object: the text of its JSON value."""
    return orjson.dumps(label if isinstance(label, str) else orjson.dumps(label).decode())


def by_class(position: int, classes: Sequence[Scalar]) -> Field:
    """A field of objects ``{class: probability}``."""
    template = b"{" + b",".join(_escaped(class_key(label)) + b":%b" for label in classes) + b"}"
    width = len(classes)

    def render(outputs: Sequence[Array]) -> Column:
        tokens = numbers(outputs[position])
        return [template % tuple(tokens[at : at + width]) for at in range(0, len(tokens), width)]

    return Field(render)


def by_class_lists(positions: Sequence[int], classes: Sequence[Sequence[Scalar]]) -> Field:
    """`by_class` for several targets: a list of objects per row."""
    fields = [by_class(position, target) for position, target in zip(positions, classes, strict=True)]

    def render(outputs: Sequence[Array]) -> Column:
        rows = zip(*(field.rows(outputs) for field in fields), strict=True)
        return [b"[" + b",".join(row) + b"]" for row in rows]

    return Field(render)


def groups_of(artefact: Artefact, version: str, layouts: Sequence[InputLayout]) -> tuple[JsonGroup, JsonGroup | None]:
    """The group of plain requests, and of those with ``"probabilities": true``; None for a model without them."""
    label, probabilities = artefact.output_names("label"), artefact.output_names("probabilities")
    others = [output for output in artefact.outputs if output.role in ("scores", "value", "transformed")]
    outputs = (*label, *probabilities, *(output.name for output in others))
    fields: dict[str, Field] = {}
    if label:
        fields |= _label_fields(artefact, probabilities)
    for position, output in enumerate(others, start=len(label) + len(probabilities)):
        fields["prediction" if output.role == "value" else output.role] = values(position)
    plain = JsonGroup(layouts, outputs, fields, version)
    if not probabilities:
        return plain, None
    fields |= {"probabilities": _probabilities_field(artefact, probabilities)}
    return plain, JsonGroup(layouts, outputs, fields, version)


def _label_fields(artefact: Artefact, probabilities: Sequence[str]) -> dict[str, Field]:
    classes: Any = artefact.classes
    if not _several(classes):
        fields = {"prediction": labels(0, classes)}
        return fields | ({"probability": probability(0, 1, classes)} if probabilities else {})
    fields = {"prediction": label_lists(0, classes)}
    positions = range(1, 1 + len(probabilities))
    return fields | ({"probability": probability_lists(0, positions, classes)} if probabilities else {})


def _probabilities_field(artefact: Artefact, probabilities: Sequence[str]) -> Field:
    classes: Any = artefact.classes
    return by_class_lists(range(1, 1 + len(probabilities)), classes) if _several(classes) else by_class(1, classes)


def _several(classes: Any) -> bool:
    return bool(classes) and isinstance(classes[0], tuple)


def group_of_outputs(
    outputs: Sequence[TensorSpec], version: str | None, layouts: Sequence[InputLayout], within: str
) -> JsonGroup:
    """The group of any other ONNX file: every output by its name in the object ``within``."""
    names = [output.name for output in outputs]
    return JsonGroup(layouts, names, {name: anything(at) for at, name in enumerate(names)}, version, within)
