"""Owns the framing of v2 bodies: their headers, compression, where JSON ends. Knows nothing of tensors."""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from server.batching.entry import PiecedAnswer
from server.codecs.v2.datatypes import bad
from server.errors import ServerError

JSON_LENGTH_HEADER = b"inference-header-content-length"
FAST = 1  # compression level: compressing blocks the loop
_NUMBER = re.compile(rb"[0-9]{1,18}")
_WINDOW_BITS = {b"gzip": 16 + zlib.MAX_WBITS, b"deflate": zlib.MAX_WBITS}  # deflate means zlib's format
_COMPRESS: Mapping[bytes, Callable[[bytes], bytes]] = {
    b"gzip": lambda body: gzip.compress(body, FAST, mtime=0),
    b"deflate": lambda body: zlib.compress(body, FAST),
}


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
        elif lowered == b"accept-encoding" and value.strip().lower() in _COMPRESS:
            wants = value.strip().lower()
    return TensorHead(json_bytes, encoding, wants)


def _encoding(value: bytes, before: bytes | None) -> bytes | None:
    named = value.strip().lower()
    if named in (b"", b"identity"):
        return before
    if named not in _WINDOW_BITS or before is not None:
        raise ServerError("unsupported_media_type", "Content-Encoding: expected gzip or deflate, applied once")
    return named


def unpack(body: bytes | bytearray, encoding: bytes | None, max_bytes: int) -> bytes | bytearray:
    """Decompresses a body to at most ``max_bytes``.

    Raises ServerError: bad_request, body_too_large.
    """
    if encoding is None:
        return body
    decompressor = zlib.decompressobj(_WINDOW_BITS[encoding])
    try:
        whole = decompressor.decompress(body, max_bytes + 1)
    except zlib.error:
        raise bad(f"the body is not {encoding.decode()}, as its Content-Encoding says") from None
    if len(whole) > max_bytes:
        raise ServerError("body_too_large", f"the body unpacks to more than the {max_bytes} bytes allowed")
    if not decompressor.eof or decompressor.unused_data:
        raise bad(f"the body is not one whole {encoding.decode()} stream")
    return whole


def split(body: bytes | bytearray, json_bytes: int | None) -> tuple[memoryview, memoryview]:
    """Splits a body into its JSON and the binary data after it. Raises ServerError ``bad_request``."""
    view = memoryview(body)
    if json_bytes is None:
        return view, view[:0]
    if json_bytes > len(view):
        raise bad(f"Inference-Header-Content-Length is {json_bytes}, but the body has only {len(view)} bytes")
    return view[:json_bytes], view[json_bytes:]


def pack(head: bytes, binary: list[bytes | memoryview], wants: bytes | None) -> PiecedAnswer:
    """Makes an answer of JSON and binary data; ``wants``: its compression, None for none."""
    media_type = b"application/octet-stream" if binary else b"application/json"
    headers = [(JSON_LENGTH_HEADER, b"%d" % len(head))] if binary else []
    pieces: list[bytes | memoryview] = [head, *binary]
    if wants is not None:
        pieces = [_COMPRESS[wants](b"".join(pieces))]
        headers.append((b"content-encoding", wants))
    return PiecedAnswer(pieces, media_type, headers)
