"""Owns how many requests one client may send. Pure but for its clock; knows no bodies, models or sockets.

Each client has a time at which its allowance is whole again (the generic cell rate algorithm: one number per client).
A client is a key where clients need keys, else an address. docs/decisions.md: "A quota is one number per client".
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from time import monotonic

from server.errors import ServerError
from server.settings import Settings

Headers = Iterable[tuple[bytes, bytes]]  # names in any case

BURST_SECONDS = 1.0  # a client that paused may send so many seconds' worth at once
MAX_CLIENTS = 1 << 17  # beyond these, new clients share one allowance: more than a worker answers within BURST_SECONDS
MAX_ADDRESS = 64  # characters; no address has more
_OTHERS = b"others"
_WITH_PORT = re.compile(r"\[([^]]+)](?::\d+)?|([\d.]+):\d+")  # some routers write the port of each connection behind it


class Quota:
    """The allowances of a worker's clients: ``per_second`` requests each.

    ``keyed``: clients send keys. ``forwarded``: a router adds the client's address to X-Forwarded-For on the right.
    """

    def __init__(self, per_second: int, *, keyed: bool, forwarded: bool, now: Callable[[], float] = monotonic) -> None:
        self.reads_headers = keyed or forwarded  # else the address of the connection says all
        self._keyed = keyed
        self._forwarded = forwarded
        self._interval = 1.0 / per_second
        self._now = now
        # When each client's allowance is whole again. One that was not seen for BURST_SECONDS has it whole.
        self._recent: dict[bytes, float] = {}
        self._before: dict[bytes, float] = {}
        self._ends = 0.0  # when `_recent` becomes `_before`

    def check(self, headers: Headers, address: str | None) -> None:
        """Counts a request; ``address``: of the connection. Raises ServerError ``quota`` for one too many."""
        self.count(self._client(headers, address) if self.reads_headers else client_at(address))

    def count(self, client: bytes) -> None:
        """`check` for a client that is known: see `client_at`."""
        now = self._now()
        if now >= self._ends:
            self._before = self._recent if now < self._ends + BURST_SECONDS else {}
            self._recent = {}
            self._ends = now + BURST_SECONDS
        whole = self._recent.get(client) or self._before.get(client, 0.0)
        if not whole and len(self._recent) >= MAX_CLIENTS:
            client = _OTHERS
            whole = self._recent.get(client, 0.0)
        whole = max(whole, now) + self._interval
        if whole > now + BURST_SECONDS + self._interval / 1000:  # sums of floats are not exact
            raise _exceeded(whole - now - BURST_SECONDS)
        self._recent[client] = whole

    @property
    def clients(self) -> int:
        """The clients that are remembered."""
        return len(self._recent) + len(self._before)

    def _client(self, headers: Headers, address: str | None) -> bytes:
        forwarded = b""
        for name, value in headers:
            lowered = name.lower()
            if self._keyed and lowered == b"authorization":
                return hashlib.sha256(value.partition(b" ")[2].strip()).digest()  # as `Gate.authorise` reads it
            if self._forwarded and lowered == b"x-forwarded-for":
                forwarded = value
        # What stands further left, and in headers before, any client may have written.
        return client_at(forwarded.rpartition(b",")[2].strip().decode("latin-1") or address)


def make_quota(settings: Settings) -> Quota | None:
    """The quota of the settings; None without."""
    if not settings.quota:
        return None
    return Quota(settings.quota, keyed=bool(settings.api_keys), forwarded=settings.forwarded)


def client_at(address: str | None) -> bytes:
    """The client at an address, with or without a port; of IPv6 its network of 64 bits, which one client has whole."""
    return _client_at((address or "")[:MAX_ADDRESS])


@lru_cache(4096)  # parsing takes ten times as long as all else
def _client_at(address: str) -> bytes:
    ported = _WITH_PORT.fullmatch(address)
    try:
        parsed = ip_address(ported[1] or ported[2] if ported else address)
    except ValueError:  # a socket file, or no address that a router writes
        return address.encode()
    if isinstance(parsed, IPv6Address):
        return (parsed.ipv4_mapped or parsed).packed[:8]
    return parsed.packed


def _exceeded(seconds: float) -> ServerError:
    wait = max(1, math.ceil(seconds))
    message = f"this client sends more requests than it may; try again in {wait} s"
    return ServerError("quota", message, {"retry-after": str(wait)})
