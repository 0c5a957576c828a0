"""Owns admission by headers alone: keys, Host, body size, request id, deadline. Knows no bodies and no models."""

from __future__ import annotations

import hmac
import itertools
import re
import secrets
import sys
from collections.abc import Callable, Sequence
from time import monotonic
from typing import NamedTuple

from server.codecs.refusals import no_route
from server.endpoints.clients.keys import check_key, digests_of
from server.endpoints.framing import BLANKS, CLOSE, Headers, check_coding, check_framing, one_coding, says_no_store
from server.endpoints.router_clock import RouterClock
from server.errors import ServerError

REQUEST_ID_PATTERN = re.compile(rb"[A-Za-z0-9-]{1,64}")
HOST_PATTERN = re.compile(rb"[A-Za-z0-9._~%!$&'()*+,;=:\[\]-]*")
OPEN_PATHS = frozenset({"/health", "/ping", "/v2/health/live", "/v2/health/ready"})

# What a header means to the gate, by name.
IRRELEVANT, HOST, LENGTH, REQUEST_ID, START, CODING, STORING, COLD = range(8)
_KINDS: dict[bytes, int] = {
    b"host": HOST,
    b"content-length": LENGTH,
    b"x-request-id": REQUEST_ID,
    b"x-request-start": START,
    b"transfer-encoding": CODING,
    b"cache-control": STORING,
    b"expect": COLD,
    b"origin": COLD,
    b"upgrade": COLD,
}
# Names that mean nothing to it but come with most requests: those of _SPELLINGS need not be brought to lower case.
_USUAL = (
    *(b"accept", b"accept-encoding", b"accept-language", b"connection", b"content-type", b"user-agent", b"via"),
    *(b"x-forwarded-for", b"x-forwarded-port", b"x-forwarded-proto", b"inference-header-content-length"),
)
_KINDS |= dict.fromkeys(_USUAL, IRRELEVANT)
_SPELLINGS = {spelled: kind for name, kind in _KINDS.items() for spelled in (name, name.title())}

_ENDS = tuple(b"%02x" % number for number in range(256))  # of request ids


class Admission(NamedTuple):
    """What the head of an admitted request says.

    ``request_id``: the client's, if well-formed. ``deadline``: seconds of the monotonic clock. ``cold``: only door one
    can answer it. ``has_host``: whether it has a Host. ``no_store``: nothing of it is kept, nothing kept answers it.
    """

    request_id: bytes | None
    deadline: float
    cold: bool
    has_host: bool
    no_store: bool


def request_ids() -> Callable[[], bytes]:
    """Makes a source of request ids: a random prefix per process and a counter; so many at a time, which is cheaper."""
    start = secrets.token_hex(6).encode() + b"-"
    first = [start + b"%x" % number for number in range(1, len(_ENDS))]
    later = ([start + b"%x" % number + end for end in _ENDS] for number in itertools.count(1))
    return itertools.chain(first, itertools.chain.from_iterable(later)).__next__


class Gate:
    """Admits or refuses requests. Without ``keys`` none is needed. ``admin_keys`` open all that ``keys`` do."""

    def __init__(
        self,
        *,
        keys: Sequence[str],
        max_body_bytes: int,
        deadline_seconds: float,
        admin_keys: Sequence[str] = (),
        hirefire_token: str | None = None,
        behind_router: bool = False,
    ) -> None:
        """``hirefire_token``: in the path that tells HireFire the demand, instead of a key; None: no such path.

        ``behind_router``: what X-Request-Start says is the router's. Else a client wrote it, who may have it count
        against its own deadline, and in nobody's numbers.
        """
        self._hirefire_token = hirefire_token
        self._admin_digests = digests_of(admin_keys)
        self._digests = (*digests_of(keys), *self._admin_digests) if keys else ()
        self._max_body_bytes = max_body_bytes
        self.deadline_seconds = deadline_seconds
        self._clock = RouterClock()
        self._behind_router = behind_router
        self.next_id = request_ids()
        self._good_host: bytes | None = None  # the last that passed: most requests have the same

    def renew_ids(self) -> None:
        """Called after a fork, so that no two workers make the same ids."""
        self.next_id = request_ids()

    def identify(self, headers: Headers) -> bytes:
        """The client's request id if it is well-formed, else a new one."""
        for name, value in headers:
            if name == b"x-request-id" and REQUEST_ID_PATTERN.fullmatch(value.rstrip(BLANKS)):
                return value.rstrip(BLANKS)
        return self.next_id()

    def check_host(self, headers: Headers, http_version: str) -> None:
        """Raises ServerError ``bad_request`` unless there is one well-formed Host; HTTP/1.0 may have none."""
        hosts = [value for name, value in headers if name == b"host"]
        if len(hosts) > 1 or (not hosts and http_version != "1.0"):
            raise _one_host()
        if hosts:
            self._check_host_value(hosts[0])

    def _check_host_value(self, host: bytes) -> None:
        if not HOST_PATTERN.fullmatch(host.rstrip(BLANKS)):
            raise ServerError("bad_request", "the Host header is not a host", CLOSE)
        self._good_host = host

    def authorise(self, path: str, headers: Headers) -> None:
        """Raises ServerError ``unauthorized`` unless the path is open, no keys are set, or the client sends one."""
        if not self._digests or path in OPEN_PATHS or self._is_hirefire(path):
            return
        credentials = [value for name, value in headers if name == b"authorization"]
        check_key(self._digests, credentials, "a key")

    def authorise_hot(self, path: str, headers: Headers) -> None:
        """Raises as `authorise` does, or rather what ends the connection: where others may see another request."""
        try:
            self.authorise(path, headers)
        except ServerError:
            check_framing(headers, "1.1")
            self.check_host(headers, "1.1")
            raise

    def _is_hirefire(self, path: str) -> bool:
        token = self._hirefire_token
        return token is not None and hmac.compare_digest(path.encode(), f"/hirefire/{token}/info".encode())

    def without_token(self, path: str) -> str:
        """A path as it may be written down: HireFire's token is left out, wherever a client puts it."""
        return path if self._hirefire_token is None else path.replace(self._hirefire_token, "-")

    def check_token(self, token: str) -> None:
        """Raises ServerError ``not_found`` unless this is HireFire's token and one is set."""
        if not self._is_hirefire(f"/hirefire/{token}/info"):
            raise no_route(f"/hirefire/{token}/info")

    def authorise_admin(self, headers: Headers) -> None:
        """Raises ServerError: ``unauthorized`` without an admin key, ``unsupported`` where none is set."""
        if not self._admin_digests:
            raise ServerError(
                "unsupported", "this server is not controlled by HTTP; DYNONNX_ADMIN_KEYS switches that on"
            )
        credentials = [value for name, value in headers if name == b"authorization"]
        check_key(self._admin_digests, credentials, "an admin key")

    @property
    def controlled(self) -> bool:
        """Whether admin keys are set, so that clients with one can load and unload models."""
        return bool(self._admin_digests)

    @property
    def keyed(self) -> bool:
        """Whether clients need a key."""
        return bool(self._digests)

    def admit(self, headers: Headers) -> Admission:
        """Checks the head of a prediction of any protocol; names of ``headers`` in any case.

        Raises ServerError: bad_request, body_too_large.
        """
        request_id = None
        start = None  # of several the last: a router writes its own behind a client's
        hosts = codings = 0
        cold = no_store = False
        for name, value in headers:
            kind = _SPELLINGS.get(name)
            if kind is None:
                kind = _KINDS.get(name.lower(), IRRELEVANT)
            if kind == IRRELEVANT:
                continue
            if kind == HOST:
                hosts += 1
                if value != self._good_host:
                    self._check_host_value(value)
            elif kind == LENGTH:
                self._check_length(value)
            elif kind == REQUEST_ID:
                value = value.rstrip(BLANKS)
                if REQUEST_ID_PATTERN.fullmatch(value):
                    request_id = value
            elif kind == START:
                start = value
            elif kind == CODING:
                check_coding(value)
                codings += 1
            elif kind == STORING:
                no_store = no_store or says_no_store(value)
            else:
                cold = True
        if hosts > 1:
            raise _one_host()
        if codings > 1:
            raise one_coding()
        return Admission(request_id, self.deadline(monotonic(), start), cold, hosts == 1, no_store)

    def deadline(self, now: float, start: bytes | None) -> float:
        """The deadline of a request with X-Request-Start ``start``, in seconds of the monotonic clock."""
        return now + self.deadline_seconds - (self._clock.waited(start) if start else 0.0)

    @property
    def router(self) -> tuple[float, int]:
        """Seconds that requests were at the router so far, and how many told it; nothing where there is none."""
        return self._clock.spent if self._behind_router else (0.0, 0)

    def _check_length(self, value: bytes) -> None:
        value = value.rstrip(BLANKS)
        if not value.isdigit():
            raise ServerError("bad_request", "Content-Length is not a number")
        self.check_size(int(value) if len(value) < 20 else sys.maxsize)  # int() refuses 5,000 digits

    def check_lengths(self, headers: Headers) -> None:
        """Raises ServerError as `admit` does for the body's length, whatever the request is for."""
        for name, value in headers:
            if name == b"content-length":
                self._check_length(value)

    def is_too_long(self, length: int) -> bool:
        """Whether a body of ``length`` bytes is larger than is read."""
        return length > self._max_body_bytes

    def check_size(self, length: int) -> None:
        """Raises ServerError ``body_too_large`` if ``length`` bytes are too many."""
        if length > self._max_body_bytes:
            raise ServerError(
                "body_too_large",
                f"the body is larger than the {self._max_body_bytes} bytes allowed: send several requests",
                CLOSE,  # instead of reading the rest of the body
            )


def _one_host() -> ServerError:
    return ServerError("bad_request", "send exactly one Host header", CLOSE)
