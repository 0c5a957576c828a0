"""Owns the v2 protocol for one model: decodes headers and body, and chooses the entry's group. Knows no sessions."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from server.artefact.metadata import Artefact
from server.artefact.tensors import InputLayout, TensorSpec
from server.batching.entry import Entry
from server.codecs.codec import Headers
from server.codecs.predict import parse
from server.codecs.v2.answer import Labels, OutputFormat, TensorGroup, start_of
from server.codecs.v2.body import TensorHead, read_head, split, unpack
from server.codecs.v2.datatypes import Shape, bad
from server.codecs.v2.request import InferRequest, read, read_raw
from server.errors import ServerError

NOT_FINITE = re.compile(rb"[\[,:\s-](NaN|Infinity)\b")  # as some clients write them in JSON, which has neither
MAX_GROUPS = 256  # remembered at a time; at the limit all are dropped, and those in use are made again


def _parse(json: memoryview) -> Any:
    try:
        return parse(json)
    except ServerError as error:
        if error.code == "bad_json" and NOT_FINITE.search(json):
            raise ServerError("bad_json", "JSON has no NaN or Infinity: send the input that has it in binary") from None
        raise


def has_rows(inputs: Sequence[TensorSpec]) -> bool:
    """Whether the first dimension of every input varies: its rows."""
    return bool(inputs) and all(spec.shape and spec.shape[0] is None for spec in inputs)


def labels_of(artefact: Artefact | None) -> Labels:
    """The names of the columns of each output that has one column per class."""
    classes = artefact.classes if artefact else None
    if artefact is None or not classes or isinstance(classes[0], tuple):
        return {}
    names = [str(label) for label in classes]
    return {name: names for role in ("probabilities", "scores") for name in artefact.output_names(role)}


class TensorCodec:
    """The v2 protocol for one model. ``row_independent``: its rows do not depend on each other."""

    reads_headers = True
    counts_stages = True

    def __init__(
        self,
        model: str,
        version: str,
        inputs: Sequence[TensorSpec],
        outputs: Sequence[TensorSpec],
        *,
        row_independent: bool,
        labels: Labels,
        max_rows: int,
        max_body_bytes: int,
    ) -> None:
        self._model = model
        self._version = version
        self._inputs: Mapping[str, TensorSpec] = {spec.name: spec for spec in inputs}
        self._outputs: Mapping[str, TensorSpec] = {spec.name: spec for spec in outputs}
        self._rows_first = has_rows(inputs)
        self._row_independent = row_independent and self._rows_first
        self._labels = labels
        self._max_rows = max_rows
        self._max_body_bytes = max_body_bytes
        self._groups: dict[tuple[tuple[Shape, ...], tuple[str, ...]], TensorGroup] = {}
        self._start = start_of(model, version, None)

    @property
    def row_independent(self) -> bool:
        """Whether requests may share a run."""
        return self._row_independent

    def read_headers(self, headers: Headers) -> TensorHead:
        """The format of the body and of the answer. Raises ServerError: bad_request, unsupported_media_type."""
        return read_head(headers)

    def decode(self, entry: Entry, body: bytes | bytearray) -> None:
        """Parses and checks a body. Raises ServerError: bad_request, bad_json, too_deep, too_many_rows, ..."""
        head: TensorHead = entry.request
        infer = self._read(unpack(body, head.encoding, self._max_body_bytes), head.json_bytes)
        tensors = [infer.tensors[name] for name in self._inputs]
        shapes = [tensor.shape for tensor in tensors]
        entry.rows = self._rows(shapes)
        entry.group = self._group(shapes, tuple([output.name for output in infer.outputs]))
        has_id = infer.request_id is not None
        start = start_of(self._model, self._version, infer.request_id) if has_id else self._start
        output_format = OutputFormat(start, infer.outputs, self._labels, head.wants)
        entry.request = tuple([tensor.buffer for tensor in tensors]), output_format
        if infer.timeout is not None:
            entry.deadline = min(entry.deadline, entry.arrived + infer.timeout)

    def _read(self, body: bytes | bytearray, json_bytes: int | None) -> InferRequest:
        if json_bytes == 0:
            return read_raw(memoryview(body), self._inputs, self._rows_first, tuple(self._outputs))
        json, binary = split(body, json_bytes)
        return read(_parse(json), binary, self._inputs, self._outputs)

    def _rows(self, shapes: Sequence[Shape]) -> int:
        """The rows of the request; 1 for a model without rows."""
        if not self._rows_first:
            return 1
        rows = shapes[0][0]
        for name, shape in zip(self._inputs, shapes, strict=True):
            if shape[0] != rows:
                first = next(iter(self._inputs))
                raise bad(f"input '{name}' has {shape[0]} rows, '{first}' has {rows}: all inputs need as many")
        if not rows:
            raise bad("the inputs have no rows; send at least one")
        if rows > self._max_rows:
            raise ServerError("too_many_rows", f"{rows} rows are more than the {self._max_rows} allowed")
        return rows

    def _group(self, shapes: Sequence[Shape], outputs: tuple[str, ...]) -> TensorGroup:
        if not self._row_independent:
            return TensorGroup(outputs, self._layouts(shapes), False)
        row_shapes = tuple([shape[1:] for shape in shapes])
        group = self._groups.get((row_shapes, outputs))
        if group is None:
            if len(self._groups) >= MAX_GROUPS:
                self._groups.clear()
            group = self._groups[row_shapes, outputs] = TensorGroup(outputs, self._layouts(row_shapes), True)
        return group

    def _layouts(self, row_shapes: Sequence[Shape]) -> tuple[InputLayout, ...]:
        pairs = zip(self._inputs.values(), row_shapes, strict=True)
        return tuple(InputLayout(spec.name, spec.dtype, shape) for spec, shape in pairs)
