"""Owns the v2 protocol for one model: decodes headers and body, and chooses the entry's group. Knows no sessions."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

from server.artefact.metadata import Artefact
from server.artefact.tensors import Buffer, InputLayout, TensorSpec
from server.batching.entry import Entry
from server.codecs.codec import Headers
from server.codecs.json.long_lists import MAX_CUT, CutBody, NotCut, cut_out, opening_of, or_not_cut
from server.codecs.json.parser import BadJson, parse
from server.codecs.json.sliced_parser import parse_in_slices
from server.codecs.refusals import too_many_rows
from server.codecs.slices import EASY_BYTES, LARGE_BYTES, Slices, discarding, finish
from server.codecs.v2.answer import Labels, OutputFormat, TensorGroup, start_of
from server.codecs.v2.body import TensorHead, read_head, split, unpack, unpack_small
from server.codecs.v2.datatypes import Shape, bad
from server.codecs.v2.envelopes import Envelopes, RequestPlan, envelope_of, plan_of
from server.codecs.v2.outputs import RequestedOutput
from server.codecs.v2.request import InferRequest, allowance_of, kept, read, read_raw
from server.codecs.v2.verbatim import Verbatim

NOT_FINITE = re.compile(rb"-?(NaN|Infinity)\b")  # as some clients write them in JSON, which has neither
NOT_FINITE_INSIDE = re.compile(rb"[\[,:\s-](NaN|Infinity)\b")
_DATA = opening_of("data")
MAX_GROUPS = 256  # remembered at a time; at the limit all are dropped, and those in use are made again
MAX_LAYOUTS = 16_384  # of all these groups, one for each input
MANY_TENSORS, TENSOR_BYTES = 64, 1024  # of a graph with more, what a request takes for each is counted
_NO_BYTES = memoryview(b"")


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
        self._allowance = allowance_of(inputs, len(outputs), max_rows)
        self._most_groups = max(1, min(MAX_GROUPS, MAX_LAYOUTS // max(1, len(inputs))))
        tensors = len(inputs) + len(outputs)
        self._tensor_bytes = TENSOR_BYTES * tensors if tensors > MANY_TENSORS else 0
        self._groups: dict[tuple[tuple[Shape, ...], tuple[str, ...]], TensorGroup] = {}
        self._envelopes = Envelopes()
        self._verbatim = Verbatim()
        self._start = start_of(model, version, None)

    @property
    def row_independent(self) -> bool:
        """Whether requests may share a run."""
        return self._row_independent

    def read_headers(self, headers: Headers) -> TensorHead:
        """The format of the body and of the answer. Raises ServerError: bad_request, unsupported_media_type."""
        return read_head(headers)

    def decode(self, entry: Entry, body: bytes | bytearray) -> Slices[None] | None:
        """Parses and checks a body. Raises ServerError: bad_request, bad_json, too_deep, too_many_rows, ..."""
        head: TensorHead = entry.request
        _, encoding, _ = head
        if self._tensor_bytes:
            entry.hold(self._tensor_bytes)
        if encoding is not None:
            unpacked = unpack_small(body, encoding, self._max_body_bytes, entry.hold)
            if unpacked is None:
                return self._decode(entry, head, body)
            if len(unpacked) > max(len(body), EASY_BYTES):
                return self._decode_unpacked(entry, head, unpacked)
            body = unpacked
        elif len(body) > LARGE_BYTES:
            return self._decode(entry, head, body)
        self._decode_small(entry, head, body)
        return None

    def _decode(self, entry: Entry, head: TensorHead, body: bytes | bytearray) -> Slices[None]:
        if head.encoding is not None:
            body = yield from unpack(body, head.encoding, self._max_body_bytes, entry.hold)
        if len(body) <= LARGE_BYTES:
            self._decode_small(entry, head, body)
        elif head.json_bytes == 0:
            self._fill(entry, head, self._read_raw(body), body)
        else:
            json, binary = split(body, head.json_bytes)
            infer = yield from self._read_any(json, binary, body)
            self._fill(entry, head, infer, body)

    def _decode_unpacked(self, entry: Entry, head: TensorHead, body: bytes) -> Slices[None]:
        """`_decode_small` as a slice, for what is more than a body of its size would bring."""
        yield
        self._decode_small(entry, head, body)

    def _decode_small(self, entry: Entry, head: TensorHead, body: bytes | bytearray) -> None:
        json_bytes, _, wants = head
        if json_bytes is None:
            text, binary = body if type(body) is bytes else bytes(body), _NO_BYTES
        elif json_bytes:
            json, binary = split(body, json_bytes)
            text = bytes(json)
        else:
            self._fill(entry, head, self._read_raw(body), body)
            return
        known = self._verbatim.read(text, binary)
        if known is not None:
            same, buffers, request_id = known
            entry.rows, entry.group = same.rows, same.group
            if request_id is None:
                entry.request = buffers, same.formats.get(wants) or self._format(same, wants)
            else:
                start = b'{"id":"%b",%b' % (request_id, self._start[1:])  # as `start_of` makes it
                entry.request = buffers, OutputFormat(start, same.outputs, self._labels, wants)
            if same.timeout is not None:
                entry.deadline = min(entry.deadline, entry.arrived + same.timeout)
            return
        document = finish(self._parse(memoryview(text)))
        envelope = envelope_of(document) if self._row_independent and not self._tensor_bytes else None
        plan = None if envelope is None else self._envelopes.find(envelope, len(binary))
        if envelope is not None and plan is not None:
            clean = b"true" not in body and b"false" not in body
            self._fill_planned(entry, head, plan, plan.read(envelope.data, binary, clean), document.get("id"))
            self._verbatim.remember(text, document, envelope, plan)
            return
        infer = finish(self._read(document, binary))
        self._fill(entry, head, infer, body)
        if envelope is not None:
            group = cast("TensorGroup", entry.group)
            self._envelopes.remember(envelope, plan_of(document["inputs"], infer, self._inputs, entry.rows, group))

    def _fill_planned(
        self, entry: Entry, head: TensorHead, plan: RequestPlan, buffers: tuple[Buffer, ...], request_id: str | None
    ) -> None:
        entry.rows, entry.group = plan.rows, plan.group
        self._fill_wanted(entry, head, buffers, plan.outputs, request_id, plan.timeout)

    def _format(self, plan: RequestPlan, wants: bytes | None) -> OutputFormat:
        """The format of answers to requests without id."""
        made = plan.formats[wants] = OutputFormat(self._start, plan.outputs, self._labels, wants)
        return made

    def _read_raw(self, body: bytes | bytearray) -> InferRequest:
        return read_raw(memoryview(body), self._inputs, self._rows_first, tuple(self._outputs))

    def _read_any(self, json: memoryview, binary: memoryview, body: bytes | bytearray) -> Slices[InferRequest]:
        if len(json) <= LARGE_BYTES:
            return (yield from self._read((yield from self._parse(json)), binary))
        try:
            return (yield from or_not_cut(self._read_pieces(cut_out(body, _DATA, len(json)), binary)))
        except NotCut:
            pass
        document = yield from self._parse(json)
        return (yield from discarding(document, self._read(document, binary)))

    def _read(self, document: Any, binary: memoryview) -> Slices[InferRequest]:
        return read(document, binary, self._inputs, self._outputs, self._max_rows if self._rows_first else None)

    def _read_pieces(self, body: CutBody, binary: memoryview) -> Slices[InferRequest]:
        """Reads data as it is parsed. Raises ServerError, NotCut."""
        inputs = body.document.get("inputs") if type(body.document) is dict else None
        for tensor in inputs[:MAX_CUT] if type(inputs) is list else ():
            body.put_back(tensor, "data")
        body.check_whole()
        return self._read(body.document, binary)

    def _parse(self, json: memoryview) -> Slices[Any]:
        try:
            if len(json) <= LARGE_BYTES:
                return parse(json)
            return (yield from parse_in_slices(json, self._allowance))
        except BadJson as error:
            if NOT_FINITE.match(error.found) if len(json) > LARGE_BYTES else NOT_FINITE_INSIDE.search(json):
                raise BadJson("JSON has no NaN or Infinity: send the input that has it in binary") from None
            raise

    def _fill(self, entry: Entry, head: TensorHead, infer: InferRequest, body: bytes | bytearray) -> None:
        """Fills the entry in for a request, whose body was unpacked."""
        tensors = [infer.tensors[name] for name in self._inputs]
        shapes = [tensor.shape for tensor in tensors]
        entry.rows = self._rows(shapes)
        entry.group = self._group(shapes, tuple([output.name for output in infer.outputs]))
        buffers = tuple([tensor.buffer for tensor in tensors])
        if len(body) > LARGE_BYTES:
            buffers = kept(buffers, body)
        self._fill_wanted(entry, head, buffers, infer.outputs, infer.request_id, infer.timeout)

    def _fill_wanted(
        self,
        entry: Entry,
        head: TensorHead,
        buffers: tuple[Buffer, ...],
        outputs: tuple[RequestedOutput, ...],
        request_id: str | None,
        timeout: float | None,
    ) -> None:
        start = self._start if request_id is None else start_of(self._model, self._version, request_id)
        entry.request = buffers, OutputFormat(start, outputs, self._labels, head.wants)
        if timeout is not None:
            entry.deadline = min(entry.deadline, entry.arrived + timeout)

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
            raise too_many_rows(rows, self._max_rows)
        return rows

    def _group(self, shapes: Sequence[Shape], outputs: tuple[str, ...]) -> TensorGroup:
        if not self._row_independent:
            return TensorGroup(outputs, self._layouts(shapes), False)
        row_shapes = tuple([shape[1:] for shape in shapes])
        group = self._groups.get((row_shapes, outputs))
        if group is None:
            if len(self._groups) >= self._most_groups:
                self._groups.clear()
                self._envelopes.clear()  # they know groups
                self._verbatim.clear()
            group = self._groups[row_shapes, outputs] = TensorGroup(outputs, self._layouts(row_shapes), True)
        return group

    def _layouts(self, row_shapes: Sequence[Shape]) -> tuple[InputLayout, ...]:
        pairs = zip(self._inputs.values(), row_shapes, strict=True)
        return tuple(InputLayout(spec.name, spec.dtype, shape) for spec, shape in pairs)
