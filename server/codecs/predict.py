"""Owns the protocol of `/predict`: decodes JSON rows and chooses the entry's group. Knows no sessions, no sockets."""

from __future__ import annotations

import struct
from typing import Any

import orjson

from server.artefact.metadata import Artefact, Feature
from server.artefact.tensors import InputLayout, TensorSpec
from server.batching.entry import Entry
from server.codecs.codec import ENCODING_LENGTH, Headers, NoRowsCodec, check_encoding
from server.codecs.json.answers import group_of_outputs, groups_of
from server.codecs.json.group import JsonGroup
from server.codecs.json.long_lists import CutBody, NotCut, cut_out, opening_of, or_not_cut
from server.codecs.json.matrix import MatrixReader
from server.codecs.json.parser import NUMERALS, parse
from server.codecs.json.sliced_parser import parse_in_slices
from server.codecs.refusals import refuse, shown, too_many_rows
from server.codecs.rows import NUMPY_OF_DTYPE, RowReader
from server.codecs.slices import LARGE_BYTES, Slices, count, discarding
from server.errors import ServerError

DTYPE_OF_NUMPY = {dtype: name for name, dtype in NUMPY_OF_DTYPE.items()}
KEYS = frozenset({"features", "probabilities"})
MOST_NAMELESS, MOST_NAME_BYTES = (
    65_536,
    4_194_304,
)  # columns of a file that names none; their names, made of its input's
_FEATURES = opening_of("features")
_U, _L = b"ul"
# What is left of one row of numbers without what numbers are written with; of no other JSON with such a key.
_BARE_ROW = b'{"features":[]}'.translate(None, NUMERALS)
_UNFIT = (ValueError, KeyError, OverflowError, struct.error)  # no JSON, another key, another row


class PredictCodec:
    """The `/predict` protocol for one model."""

    reads_headers = False
    counts_stages = False

    def __init__(
        self, reader: RowReader, group: JsonGroup, probabilities_group: JsonGroup | None, max_rows: int
    ) -> None:
        self._reader = reader
        self._matrix = reader.matrix
        self._pack_row = reader.pack_row
        self._group = group
        self._probabilities_group = probabilities_group
        self._max_rows = max_rows
        self.layouts: tuple[InputLayout, ...] = reader.layouts
        self.groups = (group,) if probabilities_group is None else (group, probabilities_group)

    def read_headers(self, headers: Headers) -> None:
        """Checks the media type. Raises ServerError ``unsupported_media_type``."""
        check_json(headers)

    def decode(self, entry: Entry, body: bytes | bytearray) -> Slices[None] | None:
        """Parses and checks a body. Raises ServerError: bad_json, too_deep, too_many_rows, invalid_input, ..."""
        if len(body) > LARGE_BYTES:
            return self._decode_in_slices(entry, body)
        matrix = self._matrix
        if matrix is not None and len(body) >= matrix.least:
            if self._read_numbers(matrix, entry, bytes(body)):
                return None
        elif self._pack_row is not None and body.translate(None, NUMERALS) == _BARE_ROW:
            try:
                entry.request = (self._pack_row(*orjson.loads(body)["features"]),), True
                entry.group, entry.rows = self._group, 1
            except _UNFIT:  # the checks say why
                pass
            else:
                return None
        document = parse(body)
        if type(document) is dict and len(document) == 1 and "features" in document:
            # "true" and "null" have a u, "false" an l; the key "features" has one u and no l. (A search for a byte as
            # a number is ten times as fast.)
            entry.group, clean = self._group, body.find(_U) == body.rfind(_U) and _L not in body
            features = document["features"]
        else:
            entry.group = self._wanted_group(document)
            features = document["features"]
            clean = self._is_clean(entry, document, body.count(_U), body.count(_L))
        if type(features) is list and (not features or type(features[0]) in (list, dict)):
            self._check_rows(features)
            entry.request = self._reader.read_rows(features, clean), False
            entry.rows = len(features)
        else:
            entry.request = self._reader.read_row(features, clean), True
            entry.rows = 1
        return None

    def _read_numbers(self, matrix: MatrixReader, entry: Entry, body: bytes) -> bool:
        """Reads a body of numbers without parsing it; False for what is to be parsed."""
        found = matrix.read_object(body, "features", "probabilities")
        if found is None:
            return False
        rows, buffer, wanted = found
        group = self._probabilities_group if wanted else self._group
        if group is None or rows > self._max_rows:
            return False
        entry.group = group
        entry.rows = rows or 1
        entry.request = (buffer,), not rows
        return True

    def _decode_in_slices(self, entry: Entry, body: bytes | bytearray) -> Slices[None]:
        try:
            yield from or_not_cut(self._read_pieces(entry, cut_out(body, _FEATURES)))
            return
        except NotCut:
            pass
        document = yield from parse_in_slices(body, self._reader.allowance(self._max_rows))
        yield from discarding(document, self._read_in_slices(entry, document, body))

    def _read_pieces(self, entry: Entry, body: CutBody) -> Slices[None]:
        """Reads rows as they are parsed. Raises ServerError, NotCut."""
        document = body.document
        body.put_back(document, "features")
        body.check_whole()
        group = self._wanted_group(document)
        entry.rows, buffers = yield from self._reader.read_pieces(document["features"], self._max_rows)
        entry.group, entry.request = group, (buffers, False)

    def _read_in_slices(self, entry: Entry, document: Any, body: bytes | bytearray) -> Slices[None]:
        entry.group = self._wanted_group(document)
        features = document["features"]
        clean = self._is_clean(entry, document, (yield from count(body, _U)), (yield from count(body, _L)))
        if type(features) is list and (not features or type(features[0]) in (list, dict)):
            self._check_rows(features)
            buffers = yield from self._reader.read_in_slices(features, clean)
            entry.request = buffers, False
            entry.rows = len(features)
        else:
            fits = type(features) is not list or len(features) == self._reader.width
            entry.request = self._reader.read_row(features, clean and fits), True
            entry.rows = 1

    def _check_rows(self, rows: list[Any]) -> None:
        if not rows:
            raise ServerError("invalid_input", "features: no rows; send at least one")
        if len(rows) > self._max_rows:
            raise too_many_rows(len(rows), self._max_rows)

    def _is_clean(self, entry: Entry, document: Any, us: int, ls: int) -> bool:
        """Whether a text of so many u and l has neither a boolean nor null beside ``probabilities``."""
        wanted, named = entry.group is not self._group, "probabilities" in document
        return us == 1 + wanted and ls == (2 - wanted if named else 0)

    def _wanted_group(self, document: Any) -> JsonGroup:
        if type(document) is not dict:
            refuse(document, f'expected an object like {{"features": [...]}}, got {shown(document)}')
        for key in document:
            if key not in KEYS:
                refuse(document, f"unexpected key {shown(key)}: expected 'features', 'probabilities'")
        if "features" not in document:
            refuse(document, "missing key 'features'")
        wanted = document.get("probabilities", False)
        if type(wanted) is not bool:
            refuse(wanted, f"probabilities: expected true or false, got {shown(wanted)}")
        if not wanted:
            return self._group
        if self._probabilities_group is None:
            raise ServerError("invalid_input", "probabilities: this model has none")
        return self._probabilities_group


def check_json(headers: Headers) -> None:
    """Raises ServerError ``unsupported_media_type`` for a body that is compressed or not JSON."""
    for name, value in headers:
        length = len(name)
        if length == _TYPE_LENGTH:
            if value != _JSON and name.lower() == _TYPE and not _is_json(value):
                got = shown(value.decode("latin-1"))
                raise ServerError(
                    "unsupported_media_type", f"send JSON as 'Content-Type: application/json'; this is {got}"
                )
        elif length == ENCODING_LENGTH:
            check_encoding(name, value)


def _is_json(content_type: bytes) -> bool:
    return content_type.split(b";", 1)[0].strip().lower() == _JSON


_JSON = b"application/json"
_TYPE = b"content-type"
_TYPE_LENGTH = len(_TYPE)
NO_ROWS = NoRowsCodec(check_json)


def codec_of_artefact(artefact: Artefact, version: str, max_rows: int) -> PredictCodec:
    """Makes the codec of a dynonnx file: features by name, answers by role."""
    reader = RowReader(artefact.features, artefact.ignored)
    return PredictCodec(reader, *groups_of(artefact, version, reader.layouts), max_rows)


def codec_of_signature(
    inputs: tuple[TensorSpec, ...], outputs: tuple[TensorSpec, ...], version: str, max_rows: int
) -> PredictCodec | None:
    """Makes the codec of any other ONNX file with one input ``[rows, fixed width]``; None for other inputs."""
    features = features_of_signature(inputs)
    if not features or not outputs:
        return None
    reader = RowReader(features)
    return PredictCodec(reader, group_of_outputs(outputs, version, reader.layouts, "outputs"), None, max_rows)


def features_of_signature(inputs: tuple[TensorSpec, ...]) -> tuple[Feature, ...]:
    """The columns of a file's only input ``[rows, fixed width]`` as features; empty for other inputs.

    For more than MOST_NAMELESS as well: a few bytes may claim any width, and each column takes half a kilobyte.
    """
    if len(inputs) != 1 or len(inputs[0].shape) != 2 or inputs[0].shape[0] is not None:
        return ()
    spec, width = inputs[0], inputs[0].shape[1]
    dtype: Any = DTYPE_OF_NUMPY.get(spec.dtype)
    if dtype is None or not width or width > MOST_NAMELESS or width * len(spec.name) > MOST_NAME_BYTES:
        return ()
    return tuple(Feature(f"{spec.name}[{column}]", dtype, spec.name) for column in range(width))
