"""Owns how parent and child talk: JSON messages with an optional blob behind, over one pipe. Knows nothing of their
meaning. The parent reads them as what a stranger may have written."""

from __future__ import annotations

import struct
from typing import Any, BinaryIO

import orjson

HEADER = struct.Struct("<II")
LIMIT_BYTES = 1 << 30


class Broken(Exception):
    """The other side went away or does not speak this."""


def write(pipe: BinaryIO, message: dict[str, Any], blob: bytes = b"") -> None:
    """One message; at once."""
    text = orjson.dumps(message, default=str, option=orjson.OPT_SERIALIZE_NUMPY)
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
