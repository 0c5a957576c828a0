"""Owns who may pass: key, size, media type, deadline; decided on the headers alone, before a body is read or parsed."""

from __future__ import annotations

import hashlib
import hmac
import itertools
import re
import secrets
from collections.abc import Callable, Iterable, Sequence
from time import monotonic, time
from typing import NamedTuple

from server.errors import ServerError

Headers = Iterable[tuple[bytes, bytes]]  # names in lower case, as ASGI has them

REQUEST_ID = re.compile(rb"[A-Za-z0-9-]{1,64}")
HOST = re.compile(rb"[A-Za-z0-9._~%!$&'()*+,;=:\[\]-]*")
OPEN_PATHS = frozenset({"/health", "/v2/health/live", "/v2/health/ready"})
# X-Request-Start beyond these is a clock that is off, not a request that waited (seconds).
OLDEST_START, NEWEST_START = 60.0, -1.0


class Admission(NamedTuple):
    """What the headers of an admitted request said. ``deadline`` is in seconds of the monotonic clock."""

    request_id: bytes | None  # the caller's own, if it is well-formed
    deadline: float


def request_ids() -> Callable[[], bytes]:
    """A source of request ids: random per process, counted within it."""
    prefix, count = secrets.token_hex(6).encode(), itertools.count(1)
    return lambda: b"%b-%x" % (prefix, next(count))


class Gate:
    """Admits or refuses. ``keys``: none lets everybody in."""

    def __init__(self, *, keys: Sequence[str], max_body_bytes: int, deadline_seconds: float) -> None:
        self._digests = tuple(hashlib.sha256(key.encode()).digest() for key in keys)
        self._max_body_bytes = max_body_bytes
        self._deadline_seconds = deadline_seconds
        self.next_id = request_ids()
        self._good_host: bytes | None = None  # the last one that passed: most requests name the same

    def renew_ids(self) -> None:
        """To be called after a fork, lest two workers give the same ids."""
        self.next_id = request_ids()

    def identify(self, headers: Headers) -> bytes:
        """The caller's request id where it is well-formed, else a new one."""
        for name, value in headers:
            if name == b"x-request-id" and REQUEST_ID.fullmatch(value):
                return value
        return self.next_id()

    def check_host(self, headers: Headers, http_version: str) -> None:
        """Raises ServerError ``bad_request`` unless there is one well-formed Host; HTTP/1.0 may leave it out."""
        hosts = [value for name, value in headers if name == b"host"]
        if hosts and hosts[0] == self._good_host and len(hosts) == 1:
            return
        if len(hosts) > 1 or (not hosts and http_version != "1.0"):
            raise ServerError("bad_request", "send exactly one Host header")
        if hosts and not HOST.fullmatch(hosts[0]):
            raise ServerError("bad_request", "the Host header is not a host")
        self._good_host = hosts[0] if hosts else None

    def authorise(self, path: str, headers: Headers) -> None:
        """Raises ServerError ``unauthorized`` unless the path is open, no key is set, or the caller shows one."""
        if not self._digests or path in OPEN_PATHS:
            return
        shown = [value for name, value in headers if name == b"authorization"]
        if len(shown) == 1 and self._knows(shown[0]):
            return
        raise ServerError(
            "unauthorized", "send a key of this server as 'Authorization: Bearer KEY'", {"www-authenticate": "Bearer"}
        )

    def _knows(self, authorization: bytes) -> bool:
        scheme, _, key = authorization.partition(b" ")
        digest = hashlib.sha256(key.strip()).digest()
        found = [hmac.compare_digest(digest, known) for known in self._digests]  # all, so that time tells nothing
        return scheme.lower() == b"bearer" and any(found)

    def admit(self, headers: Headers) -> Admission:
        """What a JSON prediction may bring. Raises ServerError: body_too_large, unsupported_media_type, ..."""
        request_id = None
        waited = 0.0
        for name, value in headers:
            if name == b"content-length":
                self._check_length(value)
            elif name == b"content-type":
                if value != b"application/json":
                    _check_type(value)
            elif name == b"x-request-id":
                if REQUEST_ID.fullmatch(value):
                    request_id = value
            elif name == b"x-request-start":
                waited = _waited(value)
            elif name == b"content-encoding" and value.lower() != b"identity":
                raise ServerError("unsupported_media_type", "compressed bodies are not taken here")
        return Admission(request_id, monotonic() + self._deadline_seconds - waited)

    def _check_length(self, value: bytes) -> None:
        if not value.isdigit():
            raise ServerError("bad_request", "Content-Length is not a number")
        self.check_size(int(value))

    def check_size(self, length: int) -> None:
        """Raises ServerError ``body_too_large`` for a body of so many bytes."""
        if length > self._max_body_bytes:
            raise ServerError("body_too_large", f"the body is larger than the {self._max_body_bytes} bytes allowed")


def _check_type(value: bytes) -> None:
    if value.split(b";", 1)[0].strip().lower() != b"application/json":
        raise ServerError("unsupported_media_type", "send JSON as 'Content-Type: application/json'")


def _waited(value: bytes) -> float:
    """Seconds a request spent before it reached us, by the router's X-Request-Start (Unix time in milliseconds)."""
    if not value.isdigit() or len(value) > 15:
        return 0.0
    age = time() - int(value) / 1000
    return max(age, 0.0) if NEWEST_START <= age <= OLDEST_START else 0.0
