"""Owns what makes two questions one: the buffers of a request as the model reads them, so that they can be compared.

Knows no protocol. Equal questions are equal to the bit: -0.0 is not 0.0, every missing value is the same one, and a
number has the bytes of its tensor however the client wrote it.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from sys import getsizeof
from typing import Any

from server.artefact.tensors import Buffer

MOST_BYTES = 65_536  # of a question; one that is longer is asked anew each time
TEXT_BYTES = 64  # of memory that a short text takes


def frozen(buffers: Sequence[Buffer]) -> tuple[Hashable, ...] | None:
    """The buffers of one request as what can be compared and kept; None where they are too long to be."""
    size = 0
    whole: list[Hashable] = []
    for buffer in buffers:
        if isinstance(buffer, list):
            size += TEXT_BYTES * len(buffer) + sum(map(len, buffer))
            whole.append(tuple(buffer))
        else:
            size += len(buffer)
            whole.append(buffer if type(buffer) is bytes else bytes(buffer))
        if size > MOST_BYTES:
            return None
    return tuple(whole)


def size_of(question: Any) -> int:
    """The bytes of memory that a question takes, with all texts and buffers in it."""
    if isinstance(question, tuple):
        return getsizeof(question) + sum(map(size_of, question))
    return getsizeof(question) if isinstance(question, bytes | str) else 0
