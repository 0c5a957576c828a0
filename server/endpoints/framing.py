"""Owns what a head says of its body: coding, length, whether it may be kept. Pure: knows no limits and no sockets."""

from __future__ import annotations

import re
from collections.abc import Iterable

from server.errors import ServerError

Headers = Iterable[tuple[bytes, bytes]]

CLOSE = {"connection": "close"}
_NO_STORE = re.compile(rb"(?:^|,)[ \t]*no-store[ \t]*(?:,|$)", re.IGNORECASE)  # looks at each byte once or twice
BLANKS = b" \t"  # optional after a value; the parser leaves them


def check_framing(headers: Headers, http_version: str) -> None:
    """Raises ServerError unless a Transfer-Encoding is chunked alone, and of HTTP/1.1 (RFC 9112, 6.1).

    Names in lower case.
    """
    codings = [value for name, value in headers if name == b"transfer-encoding"]
    if len(codings) > 1:
        raise one_coding()
    for value in codings:
        check_coding(value)
        if http_version == "1.0":
            raise ServerError("bad_request", "HTTP/1.0 has no Transfer-Encoding", CLOSE)


def check_coding(value: bytes) -> None:
    """Raises ServerError ``bad_request`` unless a Transfer-Encoding is chunked."""
    if value.rstrip(BLANKS).lower() != b"chunked":
        raise ServerError("bad_request", "Transfer-Encoding: only chunked is taken", CLOSE)


def one_coding() -> ServerError:
    """The error of a head with several codings."""
    return ServerError("bad_request", "send at most one Transfer-Encoding", CLOSE)


def has_body(headers: Headers) -> bool:
    """Whether a body may follow a head."""
    return any(name.lower() in (b"content-length", b"transfer-encoding") and value != b"0" for name, value in headers)


def body_length(headers: Headers) -> int | None:
    """The Content-Length of a head that has passed the parser; None without one."""
    for name, value in headers:
        if name.lower() == b"content-length":
            return int(value)
    return None


def says_no_store(value: bytes) -> bool:
    """Whether a Cache-Control forbids to keep what the request asks and is answered."""
    return _NO_STORE.search(value) is not None
