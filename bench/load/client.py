"""Owns one keep-alive HTTP/1.1 connection: bytes out, one answer back. Knows nothing of rates or of right answers.

Not FastHttpUser's client, because the generator must cost less than the server it measures: from one core that client
sends 10,000 requests/s, this one five times as many. It uses the standard ``socket``, which Locust's monkey patching
makes cooperative.
"""

from __future__ import annotations

import math
import re
import socket
import ssl
from contextlib import AbstractContextManager
from dataclasses import dataclass
from urllib.parse import urlsplit

from bench.errors import BenchError

_READ_BYTES = 65536
_MAX_HEAD_BYTES = 65536
_DURATION = re.compile(r";dur=([0-9.]+)")


class BrokenAnswer(Exception):
    """The connection ended inside an answer, or the answer is not HTTP/1.1."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where to connect. ``prefix`` is the path that the base URL carries, without a slash at its end."""

    host: str
    port: int
    tls: bool = False
    prefix: str = ""

    @classmethod
    def parse(cls, url: str, *, owned: bool = True) -> Address:
        """Raises BenchError unless it is ``http[s]://host[:port][/path]``, and of this machine or ``owned``."""
        try:
            parts, port = urlsplit(url), urlsplit(url).port
        except ValueError as error:
            raise BenchError(str(error)) from None
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise BenchError(f"a host is given as http://name:port or https://name, got {url!r}")
        tls = parts.scheme == "https"
        address = cls(parts.hostname, port or (443 if tls else 80), tls, parts.path.rstrip("/"))
        if not owned and address.host not in ("127.0.0.1", "localhost", "::1"):
            raise BenchError(f"{address.host} is not this machine; if it is yours, say --i-own-this-host")
        return address

    @property
    def authority(self) -> str:
        """The value of the ``Host`` header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.tls else 80) else f"{host}:{self.port}"

    def request(self, method: str, path: str, body: bytes = b"", headers: tuple[tuple[str, str], ...] = ()) -> bytes:
        """The bytes of one request, JSON where it has a body."""
        lines = [f"{method} {self.prefix}{path} HTTP/1.1", f"Host: {self.authority}", "User-Agent: dynonnx-bench"]
        if body:
            lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in headers]
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer. ``head`` is the status line and the headers as they came."""

    status: int
    head: bytes
    body: bytes

    def header(self, name: str) -> str | None:
        """The first value of a header, None where absent."""
        match = re.search(rb"\r\n%b:[ \t]*([^\r]*)" % name.encode(), self.head, re.IGNORECASE)
        return None if match is None else match[1].decode("latin-1")

    def server_s(self) -> float:
        """The seconds that ``Server-Timing`` adds up to, NaN where there is none."""
        said = self.header("server-timing") if b"erver-" in self.head else None
        return math.nan if said is None else sum(map(float, _DURATION.findall(said))) / 1e3


class Connection(AbstractContextManager["Connection"]):
    """Connects at the first exchange, and again after the peer has closed. Not to be shared between callers."""

    def __init__(self, address: Address, timeout_s: float = 30.0) -> None:
        self._address = address
        self._timeout_s = timeout_s
        self._socket: socket.socket | None = None

    def __exit__(self, *_: object) -> None:
        self.close()

    def exchange(self, request: bytes) -> Answer:
        """Send one request, wait for its whole answer. Raises OSError (TimeoutError among them) or BrokenAnswer."""
        try:
            peer = self._socket or self._connect()
            peer.sendall(request)
            return self._read(peer)
        except BaseException:
            self.close()  # half an answer may still be on its way: nothing may follow on this connection
            raise

    def drop_if_closed(self) -> None:
        """Let go of a connection that the peer has closed while it was idle, as any connection pool does."""
        if self._socket is None:
            return
        self._socket.settimeout(0)
        try:
            closed = not self._socket.recv(1)  # an idle peer has nothing to say but goodbye
        except (BlockingIOError, ssl.SSLWantReadError):
            closed = False
        except OSError:
            closed = True
        if closed:
            self.close()
        else:
            self._socket.settimeout(self._timeout_s)

    def close(self) -> None:
        """Close now; the next exchange connects anew."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _connect(self) -> socket.socket:
        peer = socket.create_connection((self._address.host, self._address.port), self._timeout_s)
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._address.tls:
            peer = ssl.create_default_context().wrap_socket(peer, server_hostname=self._address.host)
        self._socket = peer
        return peer

    def _read(self, peer: socket.socket) -> Answer:
        received = peer.recv(_READ_BYTES)
        while (end := received.find(b"\r\n\r\n")) < 0:
            received = _more(peer, received)
            if len(received) > _MAX_HEAD_BYTES:
                raise BrokenAnswer("no end of headers")
        head, rest = received[:end], received[end + 4 :]
        lowered = head.lower()
        if not lowered.startswith(b"http/1.1 "):
            raise BrokenAnswer("not HTTP/1.1")
        body = self._body(peer, lowered, rest)
        if b"\r\nconnection: close" in lowered:
            self.close()
        return Answer(int(head[9:12]), head, body)

    def _body(self, peer: socket.socket, head: bytes, rest: bytes) -> bytes:
        _, named, after = head.partition(b"\r\ncontent-length:")
        if named:
            wanted = int(after.partition(b"\r\n")[0])
            while len(rest) < wanted:
                rest = _more(peer, rest)
            return rest[:wanted]
        if b"\r\ntransfer-encoding: chunked" in head:
            return _chunks(peer, rest)
        if head[9:12] in (b"204", b"304"):
            return b""
        raise BrokenAnswer("neither a length nor chunks")


def _chunks(peer: socket.socket, rest: bytes) -> bytes:
    body = b""
    while True:
        while (end := rest.find(b"\r\n")) < 0:
            rest = _more(peer, rest)
        size = int(rest[:end].partition(b";")[0], 16)
        needed = end + 2 + size + 2
        while len(rest) < needed:
            rest = _more(peer, rest)
        body += rest[end + 2 : end + 2 + size]
        rest = rest[needed:]
        if size == 0:
            return body


def _more(peer: socket.socket, received: bytes) -> bytes:
    data = peer.recv(_READ_BYTES)
    if not data:
        raise BrokenAnswer("closed inside an answer" if received else "closed without an answer")
    return received + data
