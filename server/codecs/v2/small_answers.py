"""Owns the small answers of a batch: each output is written once for all rows, and cut by rows. Knows no entries.

What has no row of its own, or many values, `answer.render` writes, to the same bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import orjson

from server.artefact.tensors import Array
from server.batching.entry import PiecedAnswer
from server.codecs.v2.body import JSON_LENGTH_HEADER
from server.codecs.v2.datatypes import NAMES, described, to_binary
from server.codecs.v2.outputs import RequestedOutput

SMALL_ITEMS = 4096  # of an output of a batch


class _Form(NamedTuple):
    """The answers of as many rows with the same wanted outputs.

    ``template``: their JSON, but for the start and the values of each output in JSON. ``json``: these, by row.
    ``binary``: the other outputs, all rows together, with the bytes of a row.
    """

    template: bytes
    json: Sequence[Sequence[bytes]]
    binary: Sequence[tuple[bytes, int]]


class SmallAnswers:
    """The answers of one batch; see `small_answers`."""

    def __init__(self, outputs: Sequence[Array]) -> None:
        self._outputs = outputs
        self._forms: dict[tuple[int, int], _Form | None] = {}
        self._json: dict[int, list[bytes]] = {}  # by the position of an output, the values of each row
        # Of the last answer of one row that is all JSON, which most are: what was wanted, its template, and all rows.
        self._wanted: Sequence[RequestedOutput] | None = None
        self._template = self._start = self._whole = b""
        self._rows: list[tuple[bytes, ...]] = []

    def answer(
        self, start: bytes, wanted: Sequence[RequestedOutput], first: int, end: int
    ) -> bytes | PiecedAnswer | None:
        """The answer with the rows ``first`` to ``end``, not compressed; None for what is not taken here.

        ``start``: its JSON up to the outputs. ``wanted``: an object that lives as long as the batch.
        """
        if wanted is self._wanted and end - first == 1:
            if start is self._start:
                return self._whole % self._rows[first]
            return self._template % (start, *self._rows[first])
        key = id(wanted), end - first
        if key not in self._forms:
            self._forms[key] = self._form(wanted, end - first)
        form = self._forms[key]
        if form is None:
            return None
        json = form.template % (start, *[b",".join(rows[first:end]) for rows in form.json])
        if not form.binary:
            if end - first == 1:
                self._wanted, self._template = wanted, form.template
                self._start, self._whole = start, start.replace(b"%", b"%%") + form.template[2:]
                self._rows = list(zip(*form.json, strict=True))
            return json
        binary = [data[first * size : end * size] for data, size in form.binary]
        length = (JSON_LENGTH_HEADER, b"%d" % len(json))
        return PiecedAnswer((json, *binary), b"application/octet-stream", (length,))

    def _form(self, wanted: Sequence[RequestedOutput], rows: int) -> _Form | None:
        if any(requested.classes for requested in wanted):
            return None
        parts: list[bytes] = []
        json: list[list[bytes]] = []
        binary: list[tuple[bytes, int]] = []
        for at, (requested, output) in enumerate(zip(wanted, self._outputs, strict=True)):
            head = described(requested.name, NAMES[output.dtype], (rows, *output.shape[1:])).replace(b"%", b"%%")
            if requested.binary:
                if output.dtype.kind == "O":
                    return None
                size = output.nbytes // len(output)
                binary.append((bytes(to_binary(output)), size))
                parts.append(head + b',"parameters":{"binary_data_size":%d}}' % (rows * size))
            else:
                json.append(self._json_rows(at))
                parts.append(head + b',"data":[%b]}')
        return _Form(b"%b" + b",".join(parts) + b"]}", json, binary)

    def _json_rows(self, at: int) -> list[bytes]:
        rows = self._json.get(at)
        if rows is None:
            rows = self._json[at] = json_rows(self._outputs[at])
        return rows


def small_answers(outputs: Sequence[Array]) -> SmallAnswers | None:
    """The answers of a batch with these outputs, whose first dimension is its rows; None where they are not small."""
    small = all(output.ndim and 0 < output.size <= SMALL_ITEMS for output in outputs)
    return SmallAnswers(outputs) if small else None


def json_rows(output: Array) -> list[bytes]:
    """The values of each row as JSON without brackets; NaN and infinities are null."""
    flat = np.ascontiguousarray(output).reshape(len(output), -1)
    if flat.dtype == np.object_:
        if flat.shape[1] == 1:  # labels, most of which return
            texts = flat[:, 0].tolist()
            json_of = {text: orjson.dumps(text) for text in set(texts)}
            return [json_of[text] for text in texts]
        return [orjson.dumps(row)[1:-1] for row in flat.tolist()]
    if flat.dtype == np.float16:
        flat = flat.astype(np.float32)
    return orjson.dumps(flat, option=orjson.OPT_SERIALIZE_NUMPY)[2:-2].split(b"],[")
