"""Owns the body of `/predict`: JSON in, parts and the wanted lane out. Knows nothing of batches, sessions or HTTP."""

from __future__ import annotations

from typing import Any

import orjson

from server.artefact.metadata import Artefact, Feature
from server.artefact.tensors import InputLayout, Part, TensorSpec
from server.codecs.json_columns import Lane, lanes_of, plain_lane
from server.codecs.rows import NUMPY_OF_DTYPE, RowReader, refuse, shown
from server.errors import ServerError

DTYPE_OF_NUMPY = {dtype: name for name, dtype in NUMPY_OF_DTYPE.items()}
KEYS = frozenset({"features", "probabilities"})
_U, _L = b"ul"
# What the parser says of JSON beyond its own limit of 1,024 levels, and of half a JSON of some 600 levels.
TOO_DEEP_WORDS = ("depth limit", "allocate memory")


# What a body asks: its parts, one per input; how many rows; whether it was one bare row; which lane answers. A bare
# tuple, as it is made for every request: a named one takes 0.2 us more.
Request = tuple[tuple[Part, ...], int, bool, Lane]


class SimpleCodec:
    """The `/predict` protocol for one model."""

    def __init__(self, reader: RowReader, lane: Lane, chances_lane: Lane | None, max_rows: int) -> None:
        self._reader = reader
        self._lane = lane
        self._chances_lane = chances_lane
        self._max_rows = max_rows
        self.layouts: tuple[InputLayout, ...] = reader.layouts

    def decode(self, body: bytes | bytearray) -> Request:
        """Reads and checks a request body. Raises ServerError: bad_json, too_deep, too_many_rows, invalid_input, ..."""
        document = parse(body)
        # "true" and "null" hold a u, "false" an l; the key "features" has one u and no l. (Searched for as numbers,
        # which takes a tenth of the time.)
        if type(document) is dict and len(document) == 1 and "features" in document:
            lane, clean = self._lane, body.find(_U) == body.rfind(_U) and _L not in body
        else:
            lane = self._wanted_lane(document)
            wanted = lane is not self._lane
            clean = body.count(_U) == 1 + wanted and body.count(_L) == 2 - wanted
        features = document["features"]
        if type(features) is list and (not features or type(features[0]) in (list, dict)):
            if not features:
                raise ServerError("invalid_input", "features: no rows; send at least one")
            if len(features) > self._max_rows:
                raise ServerError("too_many_rows", f"{len(features)} rows are more than the {self._max_rows} allowed")
            return self._reader.read_rows(features, clean), len(features), False, lane
        return self._reader.read_row(features, clean), 1, True, lane

    def _wanted_lane(self, document: Any) -> Lane:
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
            return self._lane
        if self._chances_lane is None:
            raise ServerError("invalid_input", "probabilities: this model has none")
        return self._chances_lane


def parse(body: bytes | bytearray | memoryview) -> Any:
    """Strict JSON, or ServerError: bad_json with the byte it went wrong at, too_deep beyond what a parser may nest."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        if any(word in error.msg for word in TOO_DEEP_WORDS):
            raise ServerError("too_deep", "the JSON is nested too deep") from None
        if not body:
            raise ServerError("bad_json", "the body is empty; expected JSON") from None
        hint = "; JSON has no NaN, send null" if body[error.pos : error.pos + 3] == b"NaN" else ""
        raise ServerError(
            "bad_json", f"the body is not JSON: {_reason(error)} at character {error.pos}{hint}"
        ) from None


def _reason(error: orjson.JSONDecodeError) -> str:
    """The parser's own words up to where they start to quote the body or a position."""
    return error.msg.split(":")[0].split(" at ")[0]


def codec_of_artefact(artefact: Artefact, version: str, max_rows: int) -> SimpleCodec:
    """The codec of a file that dynonnx made: features by name, answers by role."""
    lane, chances_lane = lanes_of(artefact, version)
    return SimpleCodec(RowReader(artefact.features), lane, chances_lane, max_rows)


def codec_of_signature(
    inputs: tuple[TensorSpec, ...], outputs: tuple[TensorSpec, ...], version: str, max_rows: int
) -> SimpleCodec | None:
    """The codec of any other ONNX file: only one input ``[rows, fixed width]`` can be asked in rows; else None."""
    features = features_of_signature(inputs)
    if not features or not outputs:
        return None
    return SimpleCodec(RowReader(features), plain_lane(outputs, version), None, max_rows)


def features_of_signature(inputs: tuple[TensorSpec, ...]) -> tuple[Feature, ...]:
    """The columns of a file's only input ``[rows, fixed width]``; none where its inputs are others."""
    if len(inputs) != 1 or len(inputs[0].shape) != 2 or inputs[0].shape[0] is not None:
        return ()
    spec, width = inputs[0], inputs[0].shape[1]
    dtype: Any = DTYPE_OF_NUMPY.get(spec.dtype)
    if dtype is None or not width:
        return ()
    return tuple(Feature(f"{spec.name}[{column}]", dtype, spec.name) for column in range(width))
