"""Owns the head cache: a head whose lines have all passed before needs no parser. Knows nothing of connections.

The heads of a client's hot requests differ at most in ids and length. The parser and the gate see a line first; once
both have passed it, the cache remembers it. A head is recognised only if its request line is that of a hot path, each
header line is remembered or is one of a few that are looked at here, and there is one Host and one Content-Length. The
parser decides on every other head. What a route reads from its headers is read again from the remembered lines of a
head, in their order, and remembered by these lines: it may refuse together what has passed apart.

What tells one client or one request from another is never remembered: behind a router, lines that do not return would
push out those that do.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Any, Generic, TypeVar

from server.endpoints.framing import Headers, says_no_store
from server.errors import ServerError
from server.http.limits import MAX_HEAD_BYTES, MAX_HEADERS

# docs/decisions.md: "Heads whose lines have passed need no parser"
MAX_LINES = 2048  # lines in the cache, and heads; at the limit it is cleared, and those in use return
MAX_LINE_BYTES = 512

_PASSED, _HOST = -1, -2  # kinds of a remembered line; of a Content-Length, its number

# Names of lines that proxies, tracing and browsers write anew for each client: they mean nothing to gate and codecs.
_VARIED = frozenset(
    {
        *(b"x-forwarded-for", b"x-forwarded-host", b"forwarded", b"via", b"x-real-ip", b"true-client-ip"),
        *(b"cf-connecting-ip", b"cf-ray", b"fly-client-ip", b"x-envoy-external-address", b"x-client-ip"),
        *(b"traceparent", b"tracestate", b"baggage", b"b3", b"x-b3-traceid", b"x-b3-spanid", b"x-b3-parentspanid"),
        *(b"x-amzn-trace-id", b"x-cloud-trace-context", b"x-datadog-trace-id", b"x-datadog-parent-id"),
        *(b"x-correlation-id", b"sentry-trace", b"cookie", b"referer"),
    }
)
# Lines that may differ from request to request, by name: looked at here instead of remembered.
_LENGTH, _REQUEST_ID, _START, _TEXT = range(4)
_KINDS = dict.fromkeys(_VARIED, _TEXT) | {
    b"content-length": _LENGTH,
    b"x-request-id": _REQUEST_ID,
    b"x-request-start": _START,
}
_KINDS |= {name.title(): kind for name, kind in _KINDS.items()}  # as most write them
_LONGEST_LENGTH, _LONGEST_ID, _LONGEST_START = 9, 64, 15
_VISIBLE = bytes(range(32, 127))
_OF_IDS = bytes(byte for byte in range(128) if chr(byte).isalnum()) + b"-"

# Headers that are remembered with one value only, or never: they change how a message is parsed or who may send it.
# (A route that reads headers says itself which codings it takes.)
_ONLY = {b"connection": b"keep-alive"}
_ONLY_UNREAD = _ONLY | {b"content-encoding": b"identity"}
_NEVER = _VARIED | {
    *(b"authorization", b"expect", b"origin", b"transfer-encoding", b"upgrade", b"x-request-id", b"x-request-start")
}

Route = TypeVar("Route")


# A whole request: route, client's request id, router's X-Request-Start, body, what the route reads from the headers.
# Not a NamedTuple, which costs 0.2 us more per request; docs/decisions.md: "What a request costs in Python was cut by a
# fifth".
Recognised = tuple[Route, bytes | None, bytes | None, bytes, Any]
Reader = Callable[[Headers], Any]


def _one(route: object) -> Hashable:
    return None


def _reads_nothing(route: object) -> Reader | None:
    return None


class _Passed:
    """The lines that have passed one judge, with their kinds; ``read``: what it reads from headers, if it does."""

    __slots__ = ("lines", "read")

    def __init__(self, read: Reader | None) -> None:
        self.lines: dict[bytes, int] = {}
        self.read = read


class HeadCache(Generic[Route]):
    """The lines and whole heads that have passed. ``routes``: by path as in a request line.

    ``judge``: what looked at a route's headers; a line that has passed one judge says nothing to another. ``reader``:
    what it reads from them, None for nothing. It gives the same for the same headers, which is never changed, and
    raises ServerError; Content-Length and what tells clients apart it is not told. ``most_headers``: of a head as it is
    shown to the cache, which may be without its key.
    """

    def __init__(
        self,
        routes: Mapping[bytes, Route],
        judge: Callable[[Route], Hashable] = _one,
        reader: Callable[[Route], Reader | None] = _reads_nothing,
        most_headers: int = MAX_HEADERS,
    ) -> None:
        self._passed = {judge(route): _Passed(reader(route)) for route in routes.values()}
        self._judge = judge
        self._lines = 0
        self._most_headers = most_headers
        self._routes = {
            b"POST %b HTTP/1.1" % path: (route, self._passed[judge(route)]) for path, route in routes.items()
        }
        # Whole heads without ids, with the body's bytes and what was read; and what was read by the lines that say it.
        self._heads: dict[bytes, tuple[Route, int, Any]] = {}
        self._read: dict[tuple[_Passed, tuple[bytes, ...]], Any] = {}

    def learn(self, headers: Iterable[tuple[bytes, bytes]], route: Route) -> None:
        """Remembers the lines of a head that has passed the parser, the gate and the judge of ``route``.

        Names in the client's case.
        """
        passed = self._passed[self._judge(route)]
        for name, value in headers:
            line = b"%b: %b" % (name, value)
            if len(line) <= MAX_LINE_BYTES and line not in passed.lines:
                self._remember(passed, name.lower(), value, line)

    def _remember(self, passed: _Passed, name: bytes, value: bytes, line: bytes) -> None:
        only = _ONLY_UNREAD if passed.read is None else _ONLY
        if name in _NEVER or value.lower() != only.get(name, value.lower()):
            return
        if name == b"cache-control" and says_no_store(value):
            return
        if self._lines >= MAX_LINES:
            self._lines = 0
            for known in self._passed.values():
                known.lines.clear()
        if name == b"content-length":
            if not value.isdigit() or len(value) > _LONGEST_LENGTH:
                return
            passed.lines[line] = int(value)
        else:
            passed.lines[line] = _HOST if name == b"host" else _PASSED
        self._lines += 1

    def remembered(self) -> int:
        """The lines in the cache."""
        return self._lines

    def recognise(self, data: bytes) -> Recognised[Route] | None:
        """The request in ``data`` if that is exactly one request with a known head; else None."""
        end = data.find(b"\r\n\r\n")
        if not 0 < end <= MAX_HEAD_BYTES:
            return None
        head = data[:end]
        if (known := self._heads.get(head)) is not None:
            route, length, read = known
            body = data[end + 4 :]
            return (route, None, None, body, read) if len(body) == length else None
        return self._recognise_lines(head, data[end + 4 :])

    def _recognise_lines(self, head: bytes, body: bytes) -> Recognised[Route] | None:
        first, *lines = head.split(b"\r\n")
        found = self._routes.get(first)
        if found is None or len(lines) > self._most_headers:
            return None
        route, passed = found
        known = passed.lines
        hosts, length, returns = 0, -1, True
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
            else:
                name, _, value = line.partition(b": ")
                looked_at = _KINDS.get(name)
                if looked_at is None:
                    looked_at = _KINDS.get(name.lower())
                if looked_at == _TEXT and not value.translate(None, _VISIBLE):
                    returns = False
                elif looked_at == _START and value.isdigit() and len(value) <= _LONGEST_START:
                    start = value
                elif looked_at == _REQUEST_ID and 0 < len(value) <= _LONGEST_ID and not value.translate(None, _OF_IDS):
                    request_id = value
                elif looked_at == _LENGTH and length < 0 and value.isdigit() and len(value) <= _LONGEST_LENGTH:
                    length = int(value)
                else:
                    return None
        if hosts != 1 or length != len(body):
            return None
        try:
            read = None if passed.read is None else self._read_lines(passed, passed.read, lines)
        except ServerError:
            return None
        if returns and request_id is None and start is None and len(head) <= MAX_LINE_BYTES:
            if len(self._heads) >= MAX_LINES:
                self._heads.clear()
            self._heads[head] = route, length, read
        return route, request_id, start, body, read

    def _read_lines(self, passed: _Passed, read: Reader, lines: Iterable[bytes]) -> Any:
        """What the remembered ones of ``lines`` say. Raises ServerError."""
        told = tuple([line for line in lines if passed.lines.get(line, 0) < 0])
        found = self._read.get((passed, told))
        if found is None:
            pairs = [line.partition(b": ") for line in told]
            found = read([(name, value) for name, _, value in pairs])
            if sum(map(len, told)) <= MAX_LINE_BYTES:
                if len(self._read) >= MAX_LINES:
                    self._read.clear()
                self._read[passed, told] = found
        return found
