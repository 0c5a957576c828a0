"""Owns the encoding of output arrays as v2 answers, and the group of v2 requests. Knows no sessions and no HTTP."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, cast

import numpy as np
import orjson

from server.artefact.runtime import Feed
from server.artefact.tensors import Array, Buffer, InputLayout, buffer_bytes, concatenate, slice_rows
from server.batching.entry import Entry, PiecedAnswer
from server.caching.question import MARK_BYTES, packed
from server.codecs.slices import Slices, finish, ranges
from server.codecs.v2.body import behind, pack
from server.codecs.v2.classes import ENCODED_ITEMS, Encode, classify
from server.codecs.v2.datatypes import NAMES, described, to_binary, to_json
from server.codecs.v2.outputs import RequestedOutput
from server.codecs.v2.small_answers import small_answers
from server.metrics.families import RouteName

OUTPUTS_AT_ONCE = 128  # that one slice answers
COPIED_ITEMS = 32_768  # values that one slice copies
SMALL_BYTES = 16_384  # of a part of a batch's output that need not be copied: the door joins small pieces
MANY_PIECES = 256
_MARK = b"\xff" * MARK_BYTES  # before questions of v2: no other group has it
Labels = Mapping[str, Sequence[str]]  # output -> the names of its columns, if the file has them


class OutputFormat(NamedTuple):
    """How a request wants its answer. ``start``: the JSON up to the outputs; ``compression``: gzip, deflate or None."""

    start: bytes
    outputs: tuple[RequestedOutput, ...]
    labels: Labels
    compression: bytes | None


class TensorGroup:
    """The v2 requests with the same row shapes of their inputs and the same wanted outputs.

    An entry's ``request`` is a pair: a tuple of one buffer per input, and its `OutputFormat`. Where rows depend on each
    other (``rows_first`` false) a group has one request, and its layouts' row shapes are the tensors' whole shapes.
    """

    route_name: RouteName = "infer"
    counts_stages = True

    def __init__(self, outputs: Sequence[str], layouts: Sequence[InputLayout], rows_first: bool) -> None:
        self.outputs = tuple(outputs)
        self.layouts = tuple(layouts)
        self.rows_first = rows_first

    def feed(self, entries: Sequence[Entry], start: int | None, rows: int) -> Feed:
        """Makes the graph inputs, ``rows`` rows each: of the only entry from row ``start`` on, else of all."""
        return {
            layout.name: self._array(layout, [entry.request[0][index] for entry in entries], start, rows)
            for index, layout in enumerate(self.layouts)
        }

    def _array(self, layout: InputLayout, buffers: list[Buffer], start: int | None, rows: int) -> Array:
        shape = (rows, *layout.row_shape) if self.rows_first else layout.row_shape
        if not layout.row_items:
            return np.empty(shape, layout.dtype)
        if start is not None:
            buffers = [slice_rows(layout, buffers[0], start, start + rows)]
        array = concatenate(layout, buffers).reshape(shape)
        # docs/decisions.md: "Binary tensors are views, but for odd addresses"
        return array if array.flags.aligned else array.copy()

    def deliver(self, entries: Sequence[Entry], outputs: Sequence[Array]) -> None:
        """Answers every entry that is not done with its own rows, in its own format."""
        row = 0
        small = small_answers(outputs) if self.rows_first else None
        for entry in entries:
            end = row + entry.rows
            if not entry.done:
                wanted: OutputFormat = entry.request[1]
                start, requested, _, compression = wanted
                answer = small.answer(start, requested, row, end) if small is not None and not compression else None
                if answer is None:
                    own = [output[row:end] for output in outputs] if self.rows_first else outputs
                    answer = finish(render(wanted, own, self.rows_first))
                entry.done = True
                if type(answer) is bytes:
                    entry.answer(answer)
                else:
                    entry.answer_in_pieces(cast("PiecedAnswer", answer))
            row = end

    def deliver_in_slices(self, entry: Entry, outputs: Sequence[Array]) -> Slices[None]:
        """Answers one entry as `deliver` does, some values at a time."""
        answer = yield from render(entry.request[1], outputs, self.rows_first)
        if not entry.done:
            entry.done = True
            entry.answer_in_pieces(answer)

    def question(self, entry: Entry) -> bytes | None:
        """Tensors and shapes as the model reads them, the wanted outputs; where the answer is packed, its id."""
        buffers, wanted = entry.request
        tensors = packed(buffers)
        if tensors is None:
            return None
        shapes = [layout.row_shape for layout in self.layouts]
        start = b"" if wanted.compression is None else wanted.start
        described = repr((shapes, entry.rows, wanted.outputs, wanted.compression, start)).encode()
        return b"%b%d:%b%b" % (_MARK, len(described), described, tensors)

    def request_bytes(self, entry: Entry) -> int:
        """Those of its buffers."""
        return buffer_bytes(entry.request[0])

    def request_for_all(self, entry: Entry) -> Any:
        """The request without its id, unless the answer is packed with it."""
        buffers, wanted = entry.request
        return buffers, wanted if wanted.compression is not None else wanted._replace(start=b"")

    def repeat(self, entry: Entry, answer: bytes | PiecedAnswer) -> None:
        """Gives the same answer behind what says who asked."""
        wanted = entry.request[1]
        if isinstance(answer, bytes):  # not compressed
            entry.answer(wanted.start + answer)
            return
        own = answer
        entry.answer_in_pieces(own if wanted.compression is not None else behind(wanted.start, own))


def render(output_format: OutputFormat, outputs: Sequence[Array], rows_first: bool) -> Slices[PiecedAnswer]:
    """Encodes the answer of one request from its own ``outputs``, in the order it asked for."""
    json: list[bytes | memoryview] = [output_format.start]
    binary: list[bytes | memoryview] = []
    for number, (requested, output) in enumerate(zip(output_format.outputs, outputs, strict=True), start=1):
        if number % OUTPUTS_AT_ONCE == 0:
            yield
        encode = to_binary if requested.binary else to_json
        datatype, shape = NAMES[output.dtype], output.shape
        if requested.classes:
            labels = output_format.labels.get(requested.name, ())
            datatype = NAMES[np.dtype(np.object_)]
            shape, data = yield from classify(output, rows_first, requested.classes, labels, encode)
        else:
            data = yield from (_binary(output) if requested.binary else _pieces(output, to_json))
        if len(json) > 1:
            json.append(b",")
        json.append(described(requested.name, datatype, shape))
        if requested.binary:
            json.append(b',"parameters":{"binary_data_size":%d}}' % sum(map(len, data)))
            binary += data
        else:
            json += [b',"data":[', *_with_commas(data), b"]}"]
    json.append(b"]}")
    # Copies of a very large answer take long: its pieces stay apart.
    if len(json) < MANY_PIECES:
        json = [b"".join(json)]
    return (yield from pack(json, binary, output_format.compression))


def _with_commas(lists: Sequence[bytes | memoryview]) -> Iterator[bytes | memoryview]:
    for number, piece in enumerate(lists):
        if number:
            yield b","
        yield memoryview(piece)[1:-1]


def _binary(array: Array) -> Slices[list[bytes | memoryview]]:
    """The binary data of an array: its own memory, unless that would keep more of a batch's output than it is."""
    if array.dtype.kind == "O":
        return (yield from _pieces(array, to_binary))
    kept = array.base.nbytes if isinstance(array.base, np.ndarray) else 0
    if array.nbytes <= SMALL_BYTES or kept <= 2 * array.nbytes:
        return [to_binary(array)]
    return (yield from _pieces(array, lambda part: bytes(to_binary(part)), COPIED_ITEMS))


def _pieces(array: Array, encode: Encode, items: int = ENCODED_ITEMS) -> Slices[list[bytes | memoryview]]:
    """The binary data or the JSON lists of an array, cut into some values each."""
    if array.size <= items:
        return [encode(array)]
    flat = array.reshape(-1)
    pieces: list[bytes | memoryview] = []
    for start, stop in ranges(flat.size, items):
        pieces.append(encode(flat[start:stop]))
        yield
    return pieces


def start_of(model: str, version: str, request_id: str | None) -> bytes:
    """The JSON of an answer up to the outputs. ``request_id``: the protocol's ``id``, None for none."""
    given: dict[str, Any] = {} if request_id is None else {"id": request_id}
    return orjson.dumps(given | {"model_name": model, "model_version": version})[:-1] + b',"outputs":['
