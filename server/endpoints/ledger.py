"""Owns the count of bytes that requests hold in a worker, and its limit. Knows neither sockets nor protocols.

What a client sends may unpack to a thousand times as much, and waits in memory until it is answered. So large bodies
and whatever codecs unpack are counted, for each connection and for the worker, and refused beyond the limits.
"""

from __future__ import annotations

from server.codecs.slices import EASY_BYTES
from server.errors import ServerError

SMALL_BODY_BYTES = EASY_BYTES  # bodies up to this are not counted until they wait beside many: `Entry.weigh`


class Ledger:
    """The bytes that all requests of a worker hold; ``limit``: the most."""

    def __init__(self, limit: int, account_limit: int) -> None:
        self.limit = limit
        self.held = 0
        self._account_limit = account_limit

    def account(self) -> Account:
        """A new account: of a connection, or of a request where connections are not seen."""
        return Account(self, self._account_limit)


class Account:
    """The bytes that the requests of one connection hold."""

    __slots__ = ("held", "ledger", "limit")

    def __init__(self, ledger: Ledger, limit: int) -> None:
        self.ledger = ledger
        self.limit = limit
        self.held = 0


class Lease:
    """The bytes that one request holds, until it is freed: a refused request may still wait in a queue."""

    __slots__ = ("_account", "held")

    def __init__(self, account: Account) -> None:
        self._account = account
        self.held = 0

    def hold(self, size: int) -> None:
        """Counts ``size`` more bytes. Raises ServerError ``overloaded`` where they are too many, and counts none."""
        account = self._account
        ledger = account.ledger
        if account.held + size > account.limit or ledger.held + size > ledger.limit:
            raise _too_much()
        account.held += size
        ledger.held += size
        self.held += size

    def hold_at_least(self, size: int) -> None:
        """Counts what of ``size`` bytes it does not hold yet. Raises as `hold`."""
        if size > self.held:
            self.hold(size - self.held)

    def release(self) -> None:
        """Counts its bytes no longer."""
        self._account.held -= self.held
        self._account.ledger.held -= self.held
        self.held = 0

    def __del__(self) -> None:
        self.release()


def make_ledger(inflight_bytes: int, max_body_bytes: int) -> Ledger:
    """The ledger of a worker. A connection gets half, and always enough for one body, packed and unpacked."""
    return Ledger(max(inflight_bytes, 4 * max_body_bytes), max(inflight_bytes // 2, 3 * max_body_bytes))


def _too_much() -> ServerError:
    message = "the requests being served hold as many bytes as this server may keep; try again in 1 s"
    return ServerError("overloaded", message, {"retry-after": "1"})
