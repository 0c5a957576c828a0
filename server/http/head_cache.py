"""Owns the head cache: a head whose lines have all passed before needs no parser. Knows nothing of connections.

The heads of a client's hot requests differ at most in ids and length. The parser and the gate see a line first; once
both have passed it, the cache remembers it. A head is recognised only if its request line is that of a hot path, each
header line is remembered or is one of three that are parsed here, and there is one Host and one Content-Length. The
parser decides on every other head.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Generic, TypeVar

from server.http.limits import MAX_HEAD_BYTES, MAX_HEADERS

# docs/decisions.md: "Heads whose lines have passed need no parser"
MAX_LINES = 2048  # lines in the cache, and heads; at the limit it is cleared, and those in use return
MAX_LINE_BYTES = 512

_PASSED, _HOST = -1, -2  # kinds of a remembered line; of a Content-Length, its number

# Lines that may differ from request to request: parsed here instead of remembered.
_LENGTH = re.compile(rb"content-length: ([0-9]{1,9})", re.IGNORECASE)
_REQUEST_ID = re.compile(rb"x-request-id: ([A-Za-z0-9-]{1,64})", re.IGNORECASE)
_START = re.compile(rb"x-request-start: ([0-9]{1,15})", re.IGNORECASE)

# Headers that are remembered with one value only, or never: they change how a message is parsed or who may send it.
_ONLY = {b"connection": b"keep-alive", b"content-encoding": b"identity"}
_NEVER = frozenset(
    {b"authorization", b"expect", b"origin", b"transfer-encoding", b"upgrade", b"x-request-id", b"x-request-start"}
)

Route = TypeVar("Route")


# A whole request: route, client's request id, router's X-Request-Start, body. Not a NamedTuple, which costs 0.2 us more
# per request; docs/decisions.md: "What a request costs in Python was cut by a fifth".
Recognised = tuple[Route, bytes | None, bytes | None, bytes]


def _one(route: object) -> Hashable:
    return None


class HeadCache(Generic[Route]):
    """The lines and whole heads that have passed. ``routes``: by path as in a request line.

    ``judge``: what looked at a route's headers; a line that has passed one judge says nothing to another.
    """

    def __init__(self, routes: Mapping[bytes, Route], judge: Callable[[Route], Hashable] = _one) -> None:
        self._lines: dict[Hashable, dict[bytes, int]] = {judge(route): {} for route in routes.values()}
        self._judge = judge
        self._routes = {
            b"POST %b HTTP/1.1" % path: (route, self._lines[judge(route)]) for path, route in routes.items()
        }
        self._heads: dict[bytes, tuple[Route, int]] = {}  # whole heads without ids, with the body's bytes

    def learn(self, headers: Iterable[tuple[bytes, bytes]], route: Route) -> None:
        """Remembers the lines of a head that has passed the parser, the gate and the judge of ``route``.

        Names in the client's case.
        """
        known = self._lines[self._judge(route)]
        for name, value in headers:
            line = b"%b: %b" % (name, value)
            if len(line) <= MAX_LINE_BYTES and line not in known:
                self._remember(known, name.lower(), value, line)

    def _remember(self, known: dict[bytes, int], name: bytes, value: bytes, line: bytes) -> None:
        if name in _NEVER or value.lower() != _ONLY.get(name, value.lower()):
            return
        if self.remembered() >= MAX_LINES:
            for lines in self._lines.values():
                lines.clear()
        if name == b"content-length":
            if _LENGTH.fullmatch(line):
                known[line] = int(value)
        else:
            known[line] = _HOST if name == b"host" else _PASSED

    def remembered(self) -> int:
        """The lines in the cache."""
        return sum(map(len, self._lines.values()))

    def recognise(self, data: bytes) -> Recognised[Route] | None:
        """The request in ``data`` if that is exactly one request with a known head; else None."""
        end = data.find(b"\r\n\r\n")
        if not 0 < end <= MAX_HEAD_BYTES:
            return None
        head = data[:end]
        if (known := self._heads.get(head)) is not None:
            route, length = known
            return (route, None, None, data[end + 4 :]) if length == len(data) - end - 4 else None
        return self._recognise_lines(head, data[end + 4 :])

    def _recognise_lines(self, head: bytes, body: bytes) -> Recognised[Route] | None:
        first, *lines = head.split(b"\r\n")
        found = self._routes.get(first)
        if found is None or len(lines) > MAX_HEADERS:
            return None
        route, known = found
        hosts, length = 0, -1
        request_id = start = None
        for line in lines:
            kind = known.get(line)
            if kind == _PASSED:
                continue
            if kind == _HOST:
                hosts += 1
            elif kind is not None:
                if length >= 0:
                    return None
                length = kind
            elif match := _REQUEST_ID.fullmatch(line):
                request_id = match[1]
            elif match := _START.fullmatch(line):
                start = match[1]
            elif length < 0 and (match := _LENGTH.fullmatch(line)):
                length = int(match[1])
            else:
                return None
        if hosts != 1 or length != len(body):
            return None
        if request_id is None and start is None and len(head) <= MAX_LINE_BYTES:
            if len(self._heads) >= MAX_LINES:
                self._heads.clear()
            self._heads[head] = route, length
        return route, request_id, start, body
