"""Owns MLflow's scoring protocol, which is SageMaker's too: decodes a table in JSON or CSV. Knows no sessions.

As strict as `/predict`: it accepts and refuses the same rows.
docs/decisions.md: "/invocations takes what MLflow 3.17 takes, but no column too many".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from server.artefact.metadata import Artefact, Feature, Role
from server.artefact.tensors import InputLayout, TensorSpec
from server.batching.entry import Entry
from server.codecs.cells import NUMERIC_DTYPES
from server.codecs.codec import Headers
from server.codecs.csv import read_table
from server.codecs.json.answers import group_of_outputs
from server.codecs.json.fields import Field, label_lists, labels, values
from server.codecs.json.group import JsonGroup
from server.codecs.json.long_lists import CutBody, LongList, NotCut, cut_out, or_not_cut
from server.codecs.json.parser import parse
from server.codecs.json.sliced_parser import parse_in_slices
from server.codecs.mlflow.forms import Rows, TableReader
from server.codecs.mlflow.known import KnownTables
from server.codecs.mlflow.media import Media, read_media
from server.codecs.predict import features_of_signature
from server.codecs.refusals import too_many_rows
from server.codecs.rows import RowReader
from server.codecs.slices import LARGE_BYTES, Slices, contains, discarding, finish
from server.errors import ServerError

# The first of these roles that a model has is its prediction; a transformer has no `predict` and answers its output.
PREDICTIONS: tuple[Role, ...] = ("label", "value", "transformed", "scores")


class MlflowCodec:
    """The protocol for one model. ``tensor``: the name of its only input if its features have no names."""

    reads_headers = True
    counts_stages = False

    def __init__(
        self,
        reader: RowReader,
        features: Sequence[Feature],
        group: JsonGroup,
        max_rows: int,
        tensor: str | None = None,
        ignored: Iterable[str] = (),
    ) -> None:
        self._reader = reader
        self._numeric = not ignored and all(feature.dtype in NUMERIC_DTYPES for feature in features)
        self._width = len(features) + len(frozenset(ignored))
        self._tables = TableReader(features, tensor, frozenset(ignored))
        self._known = None if reader.pack_row is None else KnownTables(reader.pack_row)
        self._group = group
        self._max_rows = max_rows

    def read_headers(self, headers: Headers) -> Media:
        """The media of the body. Raises ServerError ``unsupported_media_type``."""
        return read_media(headers)

    def decode(self, entry: Entry, body: bytes | bytearray) -> Slices[None] | None:
        """Parses and checks a body. Raises ServerError: bad_json or bad_request, too_deep, too_many_rows, ..."""
        is_large = len(body) > LARGE_BYTES
        if entry.request == "csv":
            slices = self._decode_csv(entry, body)
        elif is_large:
            slices = self._decode_json(entry, body)
        else:
            self._decode_small(entry, body if type(body) is bytes else bytes(body))
            return None
        if is_large:
            return slices
        finish(slices)
        return None

    def _decode_small(self, entry: Entry, body: bytes) -> None:
        known = self._known
        if known is not None and (found := known.read(body)) is not None and found[0] <= self._max_rows:
            entry.group = self._group
            entry.rows, buffer = found
            entry.request = (buffer,), False
            return
        document = parse(body)
        rows = self._tables.of_json(document)
        finish(self._fill(entry, rows, b"true" not in body and b"false" not in body))
        if known is not None:
            known.remember(body, document, rows)

    def _decode_csv(self, entry: Entry, body: bytes | bytearray) -> Slices[None]:
        table = yield from read_table(body, self._numeric, self._max_rows, self._width)
        yield from discarding(table.rows, self._fill(entry, self._tables.of_csv(table), True))

    def _decode_json(self, entry: Entry, body: bytes | bytearray) -> Slices[None]:
        try:
            yield from or_not_cut(self._read_pieces(entry, cut_out(body, self._tables.opening)))
            return
        except NotCut:
            pass
        clean = not (yield from contains(body, b"true", b"false"))
        document = yield from parse_in_slices(body, self._reader.allowance(self._max_rows))
        yield from discarding(document, self._fill_of_json(entry, document, clean))

    def _read_pieces(self, entry: Entry, body: CutBody) -> Slices[None]:
        """Reads rows as they are parsed. Raises ServerError, NotCut."""
        source, locate, order, number = self._tables.of_cut(body)
        if not isinstance(source, LongList):
            raise NotCut
        entry.rows, buffers = yield from self._reader.read_pieces(source, self._max_rows, order, locate)
        if number not in (None, entry.rows):
            raise NotCut
        entry.group, entry.request = self._group, (buffers, False)

    def _fill_of_json(self, entry: Entry, document: Any, clean: bool) -> Slices[None]:
        yield from self._fill(entry, self._tables.of_json(document), clean)

    def _fill(self, entry: Entry, rows: Rows, clean: bool) -> Slices[None]:
        source: Any = rows.source
        number = len(source)
        if not number:
            raise ServerError("invalid_input", "no rows; send at least one")
        if number > self._max_rows:
            raise too_many_rows(number, self._max_rows)
        buffers = yield from self._reader.read_in_slices(source, clean, rows.order, rows.locate)
        entry.group = self._group
        entry.request = buffers, False
        entry.rows = number


def mlflow_codec(
    artefact: Artefact | None, inputs: tuple[TensorSpec, ...], outputs: Sequence[TensorSpec], max_rows: int
) -> MlflowCodec | None:
    """Makes the codec of a model; None for an ONNX file that is not dynonnx's and has no rows."""
    if artefact is not None:
        reader = RowReader(artefact.features, artefact.ignored)
        group = _group(artefact, reader.layouts)
        group.route_name = "invocations"
        return MlflowCodec(reader, artefact.features, group, max_rows, ignored=artefact.ignored)
    features = features_of_signature(inputs)
    if not features or not outputs:
        return None
    reader = RowReader(features)
    group = group_of_outputs(outputs, None, reader.layouts, "predictions")
    group.route_name = "invocations"
    return MlflowCodec(reader, features, group, max_rows, inputs[0].name)


def _group(artefact: Artefact, layouts: Sequence[InputLayout]) -> JsonGroup:
    """The group of answers ``{"predictions": [...]}``: a value per row, a list where a row has several."""
    role, output = next((role, names[0]) for role in PREDICTIONS if (names := artefact.output_names(role)))
    field: Field = values(0)
    if role == "label":
        classes: Any = artefact.classes
        several = bool(classes) and isinstance(classes[0], tuple)
        field = label_lists(0, classes) if several else labels(0, classes)
    return JsonGroup(layouts, [output], {"predictions": field}, None)
