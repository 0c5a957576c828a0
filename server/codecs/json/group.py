"""Owns the group of JSON requests: their feed, and answers made of fields. Knows no sessions and no HTTP.

A batch is encoded once, column by column: every field becomes a list with the JSON bytes of each row; an answer then
joins its own rows.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from server.artefact.runtime import Feed
from server.artefact.tensors import Array, InputLayout, buffer_bytes, concatenate, slice_rows
from server.batching.entry import Entry, PiecedAnswer
from server.caching.question import MARK_BYTES, packed
from server.codecs.json.arrays import Column
from server.codecs.json.fields import Field, escaped, field_in_slices
from server.codecs.slices import Slices
from server.metrics.families import RouteName

OUTPUTS_AT_ONCE = 128  # that one slice answers

_marks = itertools.count()  # of groups, each its own


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
        mark = next(_marks).to_bytes(MARK_BYTES)
        self._marks = mark + b"[", mark + b"{"  # before questions of a list of rows, and of a row by itself
        self.outputs = tuple(outputs)
        self._layouts = tuple(layouts)
        self._fields = tuple(fields.values())
        self._renders = tuple([field.rows for field in self._fields])
        opening, closing = (b"{", b"") if within is None else (b"{" + orjson.dumps(within) + b":{", b"}")
        keys = [(b"," if number else opening) + orjson.dumps(key) + b":" for number, key in enumerate(fields)]
        version_field = b"" if version is None else b',"model_version":' + orjson.dumps(version)
        self._between = [*keys, closing + version_field + b"}"]  # before, between and behind the values of the fields
        self._template = b"%b".join(map(escaped, self._between))
        self._list_template = b"[%b]".join(map(escaped, self._between))  # of a row in a list

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
            alone, listed = self._template, self._list_template
            for entry, values in zip(entries, zip(*columns, strict=True), strict=True):
                if not entry.done:
                    entry.done = True
                    entry.answer((alone if entry.request[1] else listed) % values)
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
        for number, (field, after) in enumerate(zip(self._fields, self._between[1:], strict=True), start=1):
            pieces += yield from field_in_slices(field, outputs, alone)
            pieces.append(after)
            if number % OUTPUTS_AT_ONCE == 0:
                yield
        if not entry.done:
            entry.done = True
            entry.answer_in_pieces(PiecedAnswer(pieces, b"application/json", ()))

    def question(self, entry: Entry) -> bytes | None:
        """The group, whether there is one row outside a list, and the rows as the model reads them."""
        buffers, alone = entry.request
        rows = packed(buffers)
        return None if rows is None else self._marks[alone] + rows

    def request_bytes(self, entry: Entry) -> int:
        """Those of its buffers."""
        return buffer_bytes(entry.request[0])

    def request_for_all(self, entry: Entry) -> Any:
        """As it is: no answer says who asks."""
        return entry.request

    def repeat(self, entry: Entry, answer: bytes | PiecedAnswer) -> None:
        """Gives the same answer."""
        if isinstance(answer, bytes):
            entry.answer(answer)
        else:
            entry.answer_in_pieces(answer)

    def try_out(self, outputs: Sequence[Array]) -> None:
        """Makes the answers to all rows, alone and as a list. Raises any error where they cannot be made."""
        bodies = self.bodies(self.encode(outputs))
        if len(bodies) != len(outputs[0]):
            raise ValueError("there is not one answer for each row")
        for body in (*bodies, self.whole(outputs)):
            orjson.loads(body)

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
