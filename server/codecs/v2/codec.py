"""Owns the v2 protocol for one model: a body in, parts and the wanted lane out. Knows nothing of batches or HTTP."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from server.artefact.metadata import Artefact
from server.artefact.tensors import InputLayout, Part, TensorSpec
from server.codecs.predict import parse
from server.codecs.v2.answer import Form, Labels, TensorLane, start_of
from server.codecs.v2.body import TensorHead, split
from server.codecs.v2.datatypes import Shape, bad
from server.codecs.v2.request import Asked, Wanted, read, read_raw
from server.errors import ServerError

NOT_FINITE = re.compile(rb"[\[,:\s-](NaN|Infinity)\b")  # as some clients write what JSON has no word for
MAX_LANES = 256  # shapes and wanted outputs remembered at one time; then all are forgotten, and those in use come back


def _parse(json: memoryview) -> Any:
    try:
        return parse(json)
    except ServerError as error:
        if error.code == "bad_json" and NOT_FINITE.search(json):
            raise ServerError("bad_json", "JSON has no NaN or Infinity: send the input that has it in binary") from None
        raise


class TensorRequest(NamedTuple):
    """What a body asks: parts, one per input; rows; which lane answers in which form; within how many seconds."""

    parts: tuple[Part, ...]
    rows: int
    lane: TensorLane
    form: Form
    timeout: float | None


def has_rows(inputs: Sequence[TensorSpec]) -> bool:
    """Whether every input has a first dimension that varies: rows."""
    return bool(inputs) and all(spec.shape and spec.shape[0] is None for spec in inputs)


def labels_of(artefact: Artefact | None) -> Labels:
    """The names of the columns of each output that has one column per class."""
    classes = artefact.classes if artefact else None
    if artefact is None or not classes or isinstance(classes[0], tuple):
        return {}
    names = [str(label) for label in classes]
    return {name: names for role in ("probabilities", "scores") for name in artefact.output_names(role)}


class TensorCodec:
    """The v2 protocol for one model. ``joinable``: its rows stand alone, so that requests may share a run."""

    def __init__(
        self,
        model: str,
        version: str,
        inputs: Sequence[TensorSpec],
        outputs: Sequence[TensorSpec],
        *,
        joinable: bool,
        labels: Labels,
        max_rows: int,
    ) -> None:
        self._model = model
        self._version = version
        self._inputs: Mapping[str, TensorSpec] = {spec.name: spec for spec in inputs}
        self._outputs: Mapping[str, TensorSpec] = {spec.name: spec for spec in outputs}
        self._rows_first = has_rows(inputs)
        self._joinable = joinable and self._rows_first
        self._labels = labels
        self._max_rows = max_rows
        self._lanes: dict[tuple[tuple[Shape, ...], tuple[str, ...]], TensorLane] = {}
        self._start = start_of(model, version, None)

    @property
    def joinable(self) -> bool:
        """Whether requests may share a run."""
        return self._joinable

    def decode(self, body: bytes | bytearray, head: TensorHead) -> TensorRequest:
        """Reads and checks an unpacked body. Raises ServerError: bad_request, bad_json, too_deep, too_many_rows, ..."""
        asked = self._read(body, head.json_bytes)
        tensors = [asked.tensors[name] for name in self._inputs]
        rows = self._rows([tensor.shape for tensor in tensors])
        lane = self._lane([tensor.shape for tensor in tensors], asked.wanted)
        named = asked.request_id is not None
        start = start_of(self._model, self._version, asked.request_id) if named else self._start
        form = Form(start, asked.wanted, self._labels, head.wants)
        return TensorRequest(tuple(tensor.part for tensor in tensors), rows, lane, form, asked.timeout)

    def _read(self, body: bytes | bytearray, json_bytes: int | None) -> Asked:
        if json_bytes == 0:
            return read_raw(memoryview(body), self._inputs, self._rows_first, tuple(self._outputs))
        json, binary = split(body, json_bytes)
        return read(_parse(json), binary, self._inputs, self._outputs)

    def _rows(self, shapes: Sequence[Shape]) -> int:
        """Rows of the request; 1 for a model that knows none."""
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

    def _lane(self, shapes: Sequence[Shape], wanted: Sequence[Wanted]) -> TensorLane:
        outputs = tuple([one.name for one in wanted])
        if not self._joinable:
            return TensorLane(outputs, self._layouts(shapes), False)
        row_shapes = tuple([shape[1:] for shape in shapes])
        lane = self._lanes.get((row_shapes, outputs))
        if lane is None:
            if len(self._lanes) >= MAX_LANES:
                self._lanes.clear()
            lane = self._lanes[row_shapes, outputs] = TensorLane(outputs, self._layouts(row_shapes), True)
        return lane

    def _layouts(self, row_shapes: Sequence[Shape]) -> tuple[InputLayout, ...]:
        pairs = zip(self._inputs.values(), row_shapes, strict=True)
        return tuple(InputLayout(spec.name, spec.dtype, shape) for spec, shape in pairs)
