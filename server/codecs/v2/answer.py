"""Owns how output arrays become the answer of a v2 request, and what requests of one lane have in common. No HTTP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import orjson

from server.artefact.tensors import Array, InputLayout, Part, cut, join
from server.codecs.v2.body import Reply, pack
from server.codecs.v2.datatypes import NAMES, to_binary, to_json
from server.codecs.v2.request import Wanted

Labels = Mapping[str, Sequence[str]]  # output -> the names of its columns, where the file says them


class Form(NamedTuple):
    """How one caller wants its answer: ``start`` is its JSON up to the outputs, which follow as ``wanted``."""

    start: bytes
    wanted: tuple[Wanted, ...]
    labels: Labels
    compression: bytes | None


class TensorLane:
    """What v2 requests that may join have in common: the inputs' row shapes, the wanted outputs.

    Where rows do not stand alone (``rows_first`` false) a lane is one request's own, and its layouts' row shapes are
    the whole shapes of its tensors.
    """

    def __init__(self, outputs: Sequence[str], layouts: Sequence[InputLayout], rows_first: bool) -> None:
        self.outputs = tuple(outputs)
        self.layouts = tuple(layouts)
        self.rows_first = rows_first

    def feed(self, requests: Sequence[Sequence[Part]], start: int | None, rows: int) -> dict[str, Array]:
        """The graph inputs for the parts of several requests; or from row ``start`` on the next ``rows`` of one's."""
        return {
            layout.name: self._array(layout, [parts[at] for parts in requests], start, rows)
            for at, layout in enumerate(self.layouts)
        }

    def _array(self, layout: InputLayout, parts: list[Part], start: int | None, rows: int) -> Array:
        shape = (rows, *layout.row_shape) if self.rows_first else layout.row_shape
        if not layout.row_items:
            return np.empty(shape, layout.dtype)
        if start is not None:
            parts = [cut(layout, parts[0], start, start + rows)]
        array = join(layout, parts).reshape(shape)
        # Binary data begins wherever its JSON ends; not every graph bears numbers that begin at odd addresses.
        return array if array.flags.aligned else array.copy()

    def reply(self, outputs: Sequence[Array], start: int, stop: int, form: Form) -> Reply:
        """The answer for the rows ``start`` to ``stop`` of a run, or for all of it where rows do not stand alone."""
        if self.rows_first:
            outputs = [output[start:stop] for output in outputs]
        return render(form, outputs, self.rows_first)


def render(form: Form, outputs: Sequence[Array], rows_first: bool) -> Reply:
    """One caller's answer; ``outputs`` are its own, in the order in which it wants them."""
    described: list[bytes] = []
    binary: list[bytes | memoryview] = []
    for wanted, output in zip(form.wanted, outputs, strict=True):
        array = output
        if wanted.classes:
            array = best_classes(output, rows_first, wanted.classes, form.labels.get(wanted.name, ()))
        said = (orjson.dumps(wanted.name), NAMES[array.dtype].encode(), orjson.dumps(array.shape))
        if wanted.binary:
            data = to_binary(array)
            described.append(_BINARY % (*said, len(data)))
            binary.append(data)
        else:
            described.append(_JSON % (*said, to_json(array)))
    head = form.start + b",".join(described) + b"]}"
    return pack(head, binary, form.compression)


_BINARY = b'{"name":%b,"datatype":"%b","shape":%b,"parameters":{"binary_data_size":%d}}'
_JSON = b'{"name":%b,"datatype":"%b","shape":%b,"data":%b}'


def start_of(model: str, version: str, request_id: str | None) -> bytes:
    """The JSON of an answer up to its outputs."""
    given: dict[str, Any] = {} if request_id is None else {"id": request_id}
    return orjson.dumps(given | {"model_name": model, "model_version": version})[:-1] + b',"outputs":['


def best_classes(output: Array, rows_first: bool, classes: int, labels: Sequence[str]) -> Array:
    """``value:index[:label]`` of the best columns, best first, per row: BYTES of shape ``[rows, classes]``.

    What is not a number comes last. Without rows a vector is one row, and the shape is ``[classes]``.
    """
    has_rows = rows_first or output.ndim > 1
    rows = output.reshape(len(output), -1) if has_rows else output.reshape(1, -1)
    keys = -rows.astype(np.float64) if rows.dtype.kind == "f" else _descending(rows)
    best = np.argsort(keys, axis=1, kind="stable")[:, :classes]
    texts = [
        [_told(row[column], column, labels) for column in columns]
        for row, columns in zip(rows.tolist(), best.tolist(), strict=True)
    ]
    found: Array = np.array(texts, np.object_).reshape(best.shape)
    return found if has_rows else found[0]


def _descending(whole: Array) -> Array:
    """Keys that sort whole numbers from the largest down, without the overflow that a minus would have."""
    return np.bitwise_not(whole)


def _told(value: float, column: int, labels: Sequence[str]) -> str:
    number = f"{value:f}" if isinstance(value, float) else str(value)
    return f"{number}:{column}:{labels[column]}" if column < len(labels) else f"{number}:{column}"
