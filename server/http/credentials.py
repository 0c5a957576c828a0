"""Owns the line of a head that brings a key: what a connection remembers of it, and heads without it. Knows no keys.

The line that the gate has let pass opens the same connection again, byte for byte; without it a head may be one of
the head cache's. It never leaves its connection.
"""

from __future__ import annotations

from collections.abc import Iterable
from hmac import compare_digest
from typing import NamedTuple

from server.http.head_cache import MAX_LINE_BYTES


class Credentials(NamedTuple):
    """A line that has passed: ``name`` as it begins, from the end of the line before, ``line`` whole, both its ends."""

    name: bytes
    line: bytes


def credentials_in(headers: Iterable[tuple[bytes, bytes]]) -> Credentials | None:
    """The line of a head that the gate has let pass, as most write it; names of ``headers`` in the client's case."""
    for name, value in headers:
        if name.lower() == b"authorization":
            line = b"\r\n%b: %b\r\n" % (name, value)
            return Credentials(line[: len(name) + 4], line) if len(line) <= MAX_LINE_BYTES else None
    return None


def without(credentials: Credentials, data: bytes) -> bytes | None:
    """A request without this line; None where its head has it not, or where another is its first.

    How long the comparison takes says nothing of the line: behind a router others may send on this connection.
    """
    name, line = credentials
    at = data.find(name)
    if at < 0 or at >= data.find(b"\r\n\r\n"):
        return None
    end = at + len(line)
    return data[:at] + data[end - 2 :] if compare_digest(data[at:end], line) else None
