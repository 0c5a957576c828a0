"""Owns HTTP/1.1 messages as a router passes them on: read whole, headers added. Knows nothing of dynos."""

from __future__ import annotations

import asyncio
import time
import uuid

_OURS = frozenset(
    (
        b"x-forwarded-proto",
        b"x-forwarded-port",
        b"x-request-start",
        b"x-request-id",
        b"via",
        b"connection",
        b"keep-alive",
    )
)


async def read_message(reader: asyncio.StreamReader, begun: bytes = b"") -> bytes | None:
    """Head and body of a request or an answer; None when the peer has closed instead of beginning one."""
    try:
        head = begun + await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        if error.partial or begun:
            raise
        return None
    lowered = head.lower()
    start = lowered.find(b"\r\ncontent-length:")
    if start < 0:
        if b"\r\ntransfer-encoding:" in lowered:
            return head + await _chunks(reader)
        return head
    length = int(lowered[start + 17 : lowered.find(b"\r\n", start + 2)])
    return head + await reader.readexactly(length)


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    body = b""
    while True:
        line = await reader.readuntil(b"\r\n")
        size = int(line.partition(b";")[0], 16)
        body += line + await reader.readexactly(size + 2)
        if size == 0:
            return body


def with_headers(request: bytes, peer: str) -> bytes:
    """The request as a dyno gets it: the router's headers added, the caller's address appended on the right."""
    line, _, rest = request.partition(b"\r\n")
    head, _, body = rest.partition(b"\r\n\r\n")
    kept, forwarded = [], [peer]
    for header in head.split(b"\r\n"):
        name = header.partition(b":")[0].strip().lower()
        if name == b"x-forwarded-for":
            forwarded.insert(0, header.partition(b":")[2].strip().decode("latin-1"))
        elif name not in _OURS:
            kept.append(header)
    added = {
        "X-Forwarded-For": ", ".join(forwarded),
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Port": "443",
        "X-Request-Start": str(int(time.time() * 1000)),
        "X-Request-Id": str(uuid.uuid4()),
        "Via": "1.1 heroku-router",
    }
    kept += [f"{name}: {value}".encode("latin-1") for name, value in added.items()]
    return b"\r\n".join([line, *kept, b"", b""]) + body


def without_close(answer: bytes) -> bytes:
    """A dyno's wish to close is between it and the router; the caller's connection stays."""
    head, end, body = answer.partition(b"\r\n\r\n")
    kept = [line for line in head.split(b"\r\n") if not line.lower().startswith(b"connection:")]
    return b"\r\n".join(kept) + end + body
