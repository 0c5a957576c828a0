"""Owns what clients owe: answers to take, and what was read of them and waits for that. Knows no requests.

An answer may be a thousand times its request, and waits in our memory until its client takes it; so does what the
client sent meanwhile. Where all together is too much, the connection with the most is ended: new requests need not pay.
"""

from __future__ import annotations

import asyncio
from typing import Protocol


class Debtor(Protocol):
    """The part of a connection that is needed."""

    transport: asyncio.Transport

    def owed_bytes(self) -> int:
        """What waits in memory because of it."""

    def owes_several(self) -> bool:
        """Whether that is more than one answer."""


class Debts:
    """The bytes that wait because of slow connections; ``limit``: the most."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._owed: dict[Debtor, int] = {}
        self.total = 0

    def owe(self, debtor: Debtor) -> None:
        """Counts what waits for a connection now; ends the one with the most if all is too much."""
        self._count(debtor)
        if self.total > self._limit:
            self.look_again()

    def settle(self, debtor: Debtor) -> None:
        """Counts a connection no longer: its client has taken its answers, or left."""
        self.total -= self._owed.pop(debtor, 0)

    def look_again(self) -> None:
        """Counts anew what waits for every connection, and ends as `owe` does. Called by the sweep."""
        for debtor in list(self._owed):
            self._count(debtor)
        while self.total > self._limit:
            largest = max(self._owed, key=self._owed.__getitem__)
            if len(self._owed) == 1 and not largest.owes_several():  # one answer may be as large
                return
            self.settle(largest)
            largest.transport.abort()

    def _count(self, debtor: Debtor) -> None:
        size = debtor.owed_bytes()
        self.total += size - self._owed.get(debtor, 0)
        self._owed[debtor] = size
        if not size:
            del self._owed[debtor]
