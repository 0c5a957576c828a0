"""Owns the forms of a request target and what a head says without its Upgrade. Pure: knows no sockets.

A target is a path with a query, or a whole URL (RFC 9112, 3.2), whose authority then counts instead of the Host header.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from server.errors import ServerError

_ABSOLUTE = re.compile(rb"https?://([A-Za-z0-9._~%!$&'()*+,;=:\[\]-]+)([/?][^#]*)?", re.IGNORECASE)

Headers = list[tuple[bytes, bytes]]


def origin_form(target: bytes, headers: Headers) -> tuple[bytes, Headers]:
    """The path and query of a target that is a whole URL, and the headers with its authority as the Host.

    Raises ServerError ``bad_request`` for every other target that is no path.
    """
    match = _ABSOLUTE.fullmatch(target)
    if match is None:
        raise ServerError("bad_request", "the request target is neither a path nor an http URL")
    authority, path = match[1], match[2] or b"/"
    if path.startswith(b"?"):
        path = b"/" + path
    return path, [(name, authority if name.lower() == b"host" else value) for name, value in headers]


def head_without_upgrade(method: bytes, target: bytes, version: str, headers: Sequence[tuple[bytes, bytes]]) -> bytes:
    """The head that a client would have sent without an Upgrade: a server may ignore it (RFC 9110, 7.8)."""
    lines = [b"%b %b HTTP/%b" % (method, target, version.encode())]
    lines += [b"%b: %b" % header for header in _without_upgrade(headers)]
    return b"\r\n".join([*lines, b"", b""])


def _without_upgrade(headers: Iterable[tuple[bytes, bytes]]) -> Iterable[tuple[bytes, bytes]]:
    return ((name, value) for name, value in headers if name.lower() != b"upgrade")
