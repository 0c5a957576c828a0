"""Owns how parent and child talk: one job in, JSON messages with an optional blob back, over one pipe.

Knows nothing of how the job is done. The parent reads messages as what a stranger may have written.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from convert.sandbox import limits
from server.artefact.onnxfile import MAX_BYTES

HEADER = struct.Struct("<II")
MOST_TEXT_BYTES = 16 << 20  # of a message; a proof is some kilobytes, its worst rows are as wide as the model
MOST_VALUES = 1 << 19  # in a message: a list of nothing takes one byte of text and 64 of memory
MOST_METADATA_VALUES = 1 << 22  # in a file's metadata: golden rows of a model of 100,000 columns hold half of that
MOST_BLOB_BYTES = MAX_BYTES
PIECE_BYTES = 1 << 20  # no more memory is asked for than has arrived
GOLDEN = "golden"  # to a child that inspects: the file must have golden rows, and give their answers
PATHS = ("model", "onnx", "data", "converters")


@dataclass(frozen=True, slots=True)
class WitnessEnds:
    """The child's ends of the two pipes to a witness, its scikit-learn, and all that it runs, in words."""

    questions: int
    replies: int
    version: str
    told: str


@dataclass(frozen=True, slots=True)
class Job:
    """What the child is to do: convert ``model`` under ``name``, or verify the file ``onnx``, if given, against it.

    ``data`` is a file of a person's own rows; ``trusted``, ``key`` and ``any_version`` say how the model is opened;
    ``allow_ties``: also where many answers are accidents; ``unconfined``: also where a wall is missing. With ``code``
    what the model has of a person's own code is run and traced; ``paths`` are folders, scripts and notebooks with it.
    The ``witness`` answers as the original, where that is another scikit-learn's. ``method``: "transform" of what also
    predicts. ``origin`` says where the file came from, if not from a person's disk. ``optimise``: "safe", or "fast".
    ``alone``: what a model answers to a row alone counts, where others beside it change that.
    """

    model: Path
    name: str = ""
    onnx: Path | None = None
    data: Path | None = None
    trusted: tuple[str, ...] = ()
    key: str | None = None
    any_version: bool = False
    converters: Path | None = None
    timeout_seconds: float = limits.TIMEOUT_SECONDS
    memory_bytes: int = limits.MEMORY_BYTES
    allow_ties: bool = False
    unconfined: bool = False
    code: bool = False
    paths: tuple[Path, ...] = ()
    witness: WitnessEnds | None = None
    method: str = ""
    origin: str = ""
    optimise: str = "safe"
    alone: bool = False

    def to_bytes(self) -> bytes:
        """The job as JSON, its paths absolute: the child has a folder of its own."""
        return orjson.dumps(self, default=lambda path: str(path.resolve()))

    @classmethod
    def from_bytes(cls, text: bytes) -> Job:
        """The job that `to_bytes` wrote."""
        values = orjson.loads(text)
        paths = {name: Path(values[name]) for name in PATHS if values[name] is not None}
        ends = None if values["witness"] is None else WitnessEnds(**values["witness"])
        several = {"trusted": tuple(values["trusted"]), "paths": tuple(map(Path, values["paths"]))}
        return cls(**{**values, **paths, **several, "witness": ends})


@dataclass(frozen=True, slots=True)
class JobResult:
    """What came of a job: the proof as it stands in the file, its worst rows, the ratios of speed, the file's bytes."""

    parity: Mapping[str, Any]
    bad: Sequence[Mapping[str, Any]]
    speed: Mapping[str, float]
    onnx: bytes


@dataclass(frozen=True, slots=True)
class Inspected:
    """What an ONNX file says of itself: dynonnx's metadata, its ``doc_string``, its inputs and outputs.

    A line of the signature: "input" or "output", name, dtype, shape. Of memory it took ``served_bytes`` once it was
    open, and ``opening_bytes`` at most before.
    """

    metadata: Mapping[str, str]
    doc_string: str
    signature: Sequence[tuple[str, str, str, list[int | None]]]
    served_bytes: int = 0
    opening_bytes: int = 0

    def to_bytes(self) -> bytes:
        """It as JSON."""
        return orjson.dumps(self)

    @classmethod
    def from_bytes(cls, text: bytes) -> Inspected:
        """What `to_bytes` wrote. Raises Broken for anything else."""
        try:
            values = _parsed(text, MOST_METADATA_VALUES)  # those in the metadata's own JSON are counted here, too
            metadata = {str(key): str(value) for key, value in values["metadata"].items()}
            signature = [
                (str(way), str(name), str(kind), list(shape)) for way, name, kind, shape in values["signature"]
            ]
            memory = int(values["served_bytes"]), int(values["opening_bytes"])
            return cls(metadata, str(values["doc_string"]), signature, *memory)
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise Broken from error


class Broken(Exception):
    """The other side went away or does not speak this."""


def write(pipe: BinaryIO, kind: str, blob: bytes = b"", **message: Any) -> None:
    """One message; at once."""
    text = orjson.dumps({"kind": kind, **message}, default=str, option=orjson.OPT_SERIALIZE_NUMPY)
    pipe.write(HEADER.pack(len(text), len(blob)) + text + blob)
    pipe.flush()


def read(pipe: BinaryIO) -> tuple[dict[str, Any], bytes]:
    """The next message and its blob. Raises Broken at the end, for nonsense, and for more than may be said."""
    text_bytes, blob_bytes = HEADER.unpack(_whole(pipe, HEADER.size))
    if text_bytes > MOST_TEXT_BYTES or blob_bytes > MOST_BLOB_BYTES:
        raise Broken
    text, blob = _whole(pipe, text_bytes), _whole(pipe, blob_bytes)
    try:
        message = _parsed(text, MOST_VALUES)
    except orjson.JSONDecodeError as error:
        raise Broken from error
    if not isinstance(message, dict):
        raise Broken
    return message, blob


def _parsed(text: bytes, most_values: int) -> Any:
    """JSON of so many values at most, each of which stands behind a mark. Raises Broken, or JSONDecodeError."""
    if sum(map(text.count, (b",", b"[", b"{"))) > most_values:
        raise Broken
    return orjson.loads(text)


def _whole(pipe: BinaryIO, size: int) -> bytes:
    got = io.BytesIO()  # it hands its bytes over without a copy
    while got.tell() < size:
        piece = pipe.read(min(PIECE_BYTES, size - got.tell()))
        if not piece:
            raise Broken
        got.write(piece)
    return got.getvalue()
