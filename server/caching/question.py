"""Owns what makes two questions one: the buffers of a request as the model reads them, as bytes to compare and keep.

Knows no protocol. Equal questions are equal to the bit: -0.0 is not 0.0, every missing value is the same one, and a
number has the bytes of its tensor however the client wrote it. No two requests of one layout pack into the same bytes,
so whoever compares these needs no hash to be good.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from server.artefact.tensors import Buffer

MOST_BYTES = 65_536  # of a question; one that is longer is asked anew each time
MARK_BYTES = 8  # of what a group puts before its questions, so that they are those of no other


def packed(buffers: Sequence[Buffer]) -> bytes | None:
    """The buffers of one request, one for each graph input; None where they are too long to be compared."""
    if len(buffers) == 1 and type(buffers[0]) is bytes:
        return buffers[0] if len(buffers[0]) <= MOST_BYTES else None
    size = 0
    whole: list[bytes] = []
    for buffer in buffers:
        if isinstance(buffer, list):
            size += 4 * len(buffer) + sum(map(len, buffer))
        else:
            size += len(buffer)
        if size > MOST_BYTES:
            return None
        whole.append(_packed_texts(buffer) if isinstance(buffer, list) else bytes(buffer))
    return whole[0] if len(whole) == 1 else b"".join([_measured(part) for part in whole])


def _packed_texts(texts: Sequence[str]) -> bytes:
    encoded = [text.encode("utf-8", "surrogatepass") for text in texts]
    return b"".join([_measured(text) for text in encoded])


def _measured(part: bytes) -> bytes:
    return struct.pack("=I", len(part)) + part
