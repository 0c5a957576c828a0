"""Owns how parent and child talk: one job in, JSON messages with an optional blob back, over one pipe.

Knows nothing of how the job is done. The parent reads messages as what a stranger may have written.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from convert.sandbox import limits

HEADER = struct.Struct("<II")
LIMIT_BYTES = 1 << 30
PATHS = ("model", "onnx", "data", "converters")


@dataclass(frozen=True, slots=True)
class Job:
    """What the child is to do: convert ``model`` under ``name``, or verify the file ``onnx``, if given, against it.

    ``data`` is a file of a person's own rows; ``trusted``, ``key`` and ``any_version`` say how the model is opened;
    ``allow_ties``, that a model is converted also where many of its answers are accidents.
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

    def to_bytes(self) -> bytes:
        """The job as JSON, its paths absolute: the child has a folder of its own."""
        return orjson.dumps(self, default=lambda path: str(path.resolve()))

    @classmethod
    def from_bytes(cls, text: bytes) -> Job:
        """The job that `to_bytes` wrote."""
        values = orjson.loads(text)
        paths = {name: Path(values[name]) for name in PATHS if values[name] is not None}
        return cls(**{**values, **paths, "trusted": tuple(values["trusted"])})


@dataclass(frozen=True, slots=True)
class JobResult:
    """What came of a job: the proof as it stands in the file, its worst rows, the ratios of speed, the file's bytes."""

    parity: Mapping[str, Any]
    bad: Sequence[Mapping[str, Any]]
    speed: Mapping[str, float]
    onnx: bytes


class Broken(Exception):
    """The other side went away or does not speak this."""


def write(pipe: BinaryIO, kind: str, blob: bytes = b"", **message: Any) -> None:
    """One message; at once."""
    text = orjson.dumps({"kind": kind, **message}, default=str, option=orjson.OPT_SERIALIZE_NUMPY)
    pipe.write(HEADER.pack(len(text), len(blob)) + text + blob)
    pipe.flush()


def read(pipe: BinaryIO) -> tuple[dict[str, Any], bytes]:
    """The next message and its blob. Raises Broken at the end or for nonsense."""
    header = pipe.read(HEADER.size)
    if len(header) < HEADER.size:
        raise Broken
    text_bytes, blob_bytes = HEADER.unpack(header)
    if text_bytes > LIMIT_BYTES or blob_bytes > LIMIT_BYTES:
        raise Broken
    text, blob = pipe.read(text_bytes), pipe.read(blob_bytes)
    if len(text) < text_bytes or len(blob) < blob_bytes:
        raise Broken
    try:
        message = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise Broken from error
    if not isinstance(message, dict):
        raise Broken
    return message, blob
