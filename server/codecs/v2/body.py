"""Owns the framing of v2 bodies: their headers, compression, where JSON ends. Knows nothing of tensors."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterable
from typing import NamedTuple

from server.batching.entry import PiecedAnswer
from server.codecs.slices import EASY_BYTES, LARGE_BYTES, WINDOW_BYTES, Slices, ranges
from server.codecs.v2.datatypes import bad
from server.errors import ServerError

JSON_LENGTH_HEADER = b"inference-header-content-length"
FAST = 1  # compression level: compressing blocks the loop
PACKED_BYTES = (
    16_384  # that one slice unpacks, to at most WINDOW_BYTES: blocks may be empty, or a thousand times larger
)
# docs/decisions.md: "What is legal and heavy is read in slices"
MAX_RATIO, FREE_BYTES = 250, 1_048_576
UNCOUNTED_BYTES = EASY_BYTES  # of what a body unpacks to: doors do not count plain bodies of so many either
_NUMBER = re.compile(rb"[0-9]{1,18}")
_WINDOW_BITS = {b"gzip": 16 + zlib.MAX_WBITS, b"deflate": zlib.MAX_WBITS}  # deflate means zlib's format


class TensorHead(NamedTuple):
    """What the headers of a v2 request say of its body.

    ``json_bytes``: the length of the JSON before binary data; None if all is JSON, 0 if all is one raw tensor.
    ``encoding``, ``wants``: the compression of the body and of the answer; gzip, deflate or None.
    """

    json_bytes: int | None = None
    encoding: bytes | None = None
    wants: bytes | None = None


def read_head(headers: Iterable[tuple[bytes, bytes]]) -> TensorHead:
    """Parses the headers, names in any case. Raises ServerError: bad_request, unsupported_media_type.

    An answer is compressed only if Accept-Encoding names one compression alone: clients that list all they support
    send the list with every request, and expect no compression.
    """
    json_bytes: int | None = None
    encoding = wants = None
    for name, value in headers:
        lowered = name.lower()
        if lowered == JSON_LENGTH_HEADER:
            if not _NUMBER.fullmatch(value) or (json_bytes is not None and json_bytes != int(value)):
                raise bad("Inference-Header-Content-Length: expected one number, the bytes of JSON before binary data")
            json_bytes = int(value)
        elif lowered == b"content-encoding":
            encoding = _encoding(value, encoding)
        elif lowered == b"accept-encoding" and value.strip().lower() in _WINDOW_BITS:
            wants = value.strip().lower()
    return TensorHead(json_bytes, encoding, wants)


def _encoding(value: bytes, before: bytes | None) -> bytes | None:
    named = value.strip().lower()
    if named in (b"", b"identity"):
        return before
    if named not in _WINDOW_BITS or before is not None:
        raise ServerError("unsupported_media_type", "Content-Encoding: expected gzip or deflate, applied once")
    return named


def unpack_small(body: bytes | bytearray, encoding: bytes, max_bytes: int, hold: Callable[[int], None]) -> bytes | None:
    """`unpack` for a body that unpacks to at most LARGE_BYTES; None for what that is to do, or to refuse."""
    if len(body) > PACKED_BYTES:
        return None
    decompressor = zlib.decompressobj(_WINDOW_BITS[encoding])
    try:
        unpacked = decompressor.decompress(body, LARGE_BYTES)
    except zlib.error:
        return None
    if not decompressor.eof or decompressor.unused_data or len(unpacked) > max_bytes:
        return None
    if len(unpacked) > UNCOUNTED_BYTES:
        hold(len(unpacked))
    return unpacked


def unpack(
    body: bytes | bytearray, encoding: bytes, max_bytes: int, hold: Callable[[int], None] = lambda size: None
) -> Slices[bytes]:
    """Decompresses a body to at most ``max_bytes``, and to MAX_RATIO times its size where that is more than FREE_BYTES.

    ``hold``: told of every piece, and may raise. Raises ServerError: bad_request, body_too_large.
    """
    decompressor = zlib.decompressobj(_WINDOW_BITS[encoding])
    allowed = min(max_bytes, max(FREE_BYTES, MAX_RATIO * len(body)))
    pieces: list[bytes] = []
    size = at = 0
    packed: bytes | memoryview = b""
    piece = b""
    while not decompressor.eof and (packed or at < len(body) or len(piece) == WINDOW_BYTES):
        if not packed and len(piece) < WINDOW_BYTES:
            packed = memoryview(body)[at : at + PACKED_BYTES]
            at += len(packed)
        try:
            piece = decompressor.decompress(packed, WINDOW_BYTES)
        except zlib.error:
            raise bad(f"the body is not {encoding.decode()}, as its Content-Encoding says") from None
        packed = decompressor.unconsumed_tail
        if piece:
            size += len(piece)
            if size > allowed:
                raise _too_large(size, max_bytes)
            hold(len(piece))
            pieces.append(piece)
        yield
    if not decompressor.eof or decompressor.unused_data or at < len(body):
        raise bad(f"the body is not one whole {encoding.decode()} stream")
    return b"".join(pieces)


def _too_large(size: int, max_bytes: int) -> ServerError:
    if size > max_bytes:
        return ServerError("body_too_large", f"the body unpacks to more than the {max_bytes} bytes allowed")
    return ServerError("body_too_large", f"the body unpacks to more than {MAX_RATIO} times its size")


def split(body: bytes | bytearray, json_bytes: int | None) -> tuple[memoryview, memoryview]:
    """Splits a body into its JSON and the binary data after it. Raises ServerError ``bad_request``."""
    view = memoryview(body)
    if json_bytes is None:
        return view, view[:0]
    if json_bytes > len(view):
        raise bad(f"Inference-Header-Content-Length is {json_bytes}, but the body has only {len(view)} bytes")
    return view[:json_bytes], view[json_bytes:]


def pack(head: list[bytes | memoryview], binary: list[bytes | memoryview], wants: bytes | None) -> Slices[PiecedAnswer]:
    """Makes an answer of pieces of JSON and binary data; ``wants``: its compression, None for none."""
    media_type = b"application/octet-stream" if binary else b"application/json"
    headers = [(JSON_LENGTH_HEADER, b"%d" % sum(map(len, head)))] if binary else []
    pieces: list[bytes | memoryview] = [*head, *binary]
    if wants is not None:
        pieces = yield from _compressed(pieces, wants)
        headers.append((b"content-encoding", wants))
    return PiecedAnswer(pieces, media_type, headers)


def behind(start: bytes, answer: PiecedAnswer) -> PiecedAnswer:
    """An answer that is not compressed, with more JSON before its own."""
    headers = [
        (name, b"%d" % (int(value) + len(start)) if name == JSON_LENGTH_HEADER else value)
        for name, value in answer.headers
    ]
    return PiecedAnswer([start, *answer.pieces], answer.media_type, headers)


def _compressed(pieces: list[bytes | memoryview], wants: bytes) -> Slices[list[bytes | memoryview]]:
    compressor = zlib.compressobj(FAST, wbits=_WINDOW_BITS[wants])
    packed: list[bytes | memoryview] = []
    for piece in pieces:
        for start, stop in ranges(len(piece), WINDOW_BYTES):
            packed.append(compressor.compress(piece[start:stop]))
            yield
    packed.append(compressor.flush())
    return packed
