"""Owns the fields of a JSON answer: what of the output arrays each is made of, and how. Knows no entries."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import orjson

from server.artefact.metadata import Scalar
from server.artefact.tensors import Array
from server.codecs.json.arrays import Column, dumped, dumped_in_slices, nested, numbers, rows_of
from server.codecs.slices import Slices, ranges, rows_per_slice

SINGLE_BYTES, DOUBLE_BYTES = 4, 8
FEW_NUMBERS, FEW_ROWS = 256, 16  # for so many lists are faster than numpy's fancy indexing

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


def field_in_slices(field: Field, outputs: Sequence[Array], alone: bool) -> Slices[list[bytes]]:
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
        parts += [b",", field.all_rows([output[start:stop] for output in outputs])[1:-1]]
        yield
    return parts[1:] if alone else [b"[", *parts[1:], b"]"]


def escaped(json: bytes) -> bytes:
    return json.replace(b"%", b"%%")


def values(position: int) -> Field:
    """A field of numbers: a regressor's value, decision values, transformed features."""

    def whole(outputs: Sequence[Array]) -> bytes:
        array = outputs[position]
        return dumped(array.reshape(-1) if array.size == len(array) else array)

    return Field(lambda outputs: rows_of(outputs[position]), whole, position, is_flat=True)


def anything(position: int) -> Field:
    """A field of an output without a role: each row as it is."""
    return Field(lambda outputs: nested(outputs[position]), lambda outputs: dumped(outputs[position]), position)


def labels(position: int, classes: Sequence[Scalar] | None) -> Field:
    """A field of the predicted labels, with the type of the class: a graph may give 1 for the class true."""
    table = {label: orjson.dumps(label) for label in classes or ()}

    def render(outputs: Sequence[Array]) -> Column:
        predicted = outputs[position].reshape(-1).tolist()
        try:
            return [table[label] for label in predicted]
        except KeyError:  # a label that is no class, or a model without classes
            return [orjson.dumps(label) for label in predicted]

    types = set(map(type, classes or ()))
    kind = "O" if types == {str} else "i" if types == {int} else ""  # of an array whose values are like the classes

    def whole(outputs: Sequence[Array]) -> bytes:
        predicted = outputs[position].reshape(-1)
        if not types or predicted.dtype.kind == kind:
            return orjson.dumps(predicted.tolist())
        return b"[" + b",".join(render(outputs)) + b"]"

    return Field(render, whole)


def label_lists(position: int, classes: Sequence[Sequence[Scalar]]) -> Field:
    """A field of the labels of a model with several targets: a list per row."""
    tables = [{label: orjson.dumps(label) for label in target} for target in classes]

    def render(outputs: Sequence[Array]) -> Column:
        rows = outputs[position].tolist()
        return [b"[" + b",".join(table[label] for table, label in zip(tables, row, strict=True)) + b"]" for row in rows]

    return Field(render)


def _of_label(predicted: Array, probabilities: Array, column_of: Mapping[Any, int]) -> bytes:
    """The probability of each label, as one list."""
    columns = [column_of[label] for label in predicted.tolist()]
    if probabilities.itemsize == DOUBLE_BYTES and probabilities.size <= FEW_NUMBERS:
        rows = probabilities.tolist()
        return orjson.dumps([row[column] for row, column in zip(rows, columns, strict=True)])
    if probabilities.itemsize == SINGLE_BYTES and len(columns) <= FEW_ROWS:
        few = [probabilities[place] for place in enumerate(columns)]
        return orjson.dumps(few, option=orjson.OPT_SERIALIZE_NUMPY)
    return dumped(probabilities[np.arange(len(columns)), columns])


def probability(label: int, position: int, classes: Sequence[Scalar]) -> Field:
    """A field of the predicted label's probability; not always the largest, as a threshold may be tuned."""
    column_of = {name: column for column, name in enumerate(classes)}

    def whole(outputs: Sequence[Array]) -> bytes:
        return _of_label(outputs[label].reshape(-1), outputs[position], column_of)

    return Field(lambda outputs: whole(outputs)[1:-1].split(b","), whole)


def probability_lists(label: int, positions: Sequence[int], classes: Sequence[Sequence[Scalar]]) -> Field:
    """`probability` for several targets: a list per row."""
    columns_of = [{name: column for column, name in enumerate(target)} for target in classes]

    def render(outputs: Sequence[Array]) -> Column:
        targets = [
            _of_label(outputs[label][:, target], outputs[position], columns_of[target])[1:-1].split(b",")
            for target, position in enumerate(positions)
        ]
        return [b"[" + b",".join(row) + b"]" for row in zip(*targets, strict=True)]

    return Field(render)


def class_key(label: Scalar) -> bytes:
    """A class as the key of a JSON object: the text of its JSON value."""
    return orjson.dumps(label if isinstance(label, str) else orjson.dumps(label).decode())


def by_class(position: int, classes: Sequence[Scalar]) -> Field:
    """A field of objects ``{class: probability}``."""
    template = b"{" + b",".join(escaped(class_key(label)) + b":%b" for label in classes) + b"}"
    width = len(classes)

    def render(outputs: Sequence[Array]) -> Column:
        tokens = numbers(outputs[position])
        return [template % tuple(tokens[at : at + width]) for at in range(0, len(tokens), width)]

    def whole(outputs: Sequence[Array]) -> bytes:
        tokens = numbers(outputs[position])
        return b"[" + b",".join([template] * (len(tokens) // width)) % tuple(tokens) + b"]"

    return Field(render, whole)


def by_class_lists(positions: Sequence[int], classes: Sequence[Sequence[Scalar]]) -> Field:
    """`by_class` for several targets: a list of objects per row."""
    fields = [by_class(position, target) for position, target in zip(positions, classes, strict=True)]

    def render(outputs: Sequence[Array]) -> Column:
        rows = zip(*(field.rows(outputs) for field in fields), strict=True)
        return [b"[" + b",".join(row) + b"]" for row in rows]

    return Field(render)
