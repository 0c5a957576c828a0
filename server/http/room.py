"""Owns who gives way where a worker has no place left: the connections that have asked nothing for the longest.

A connection that is kept open costs its client nothing, so a few clients, or one, could have all the places. Knows
connections only as what may give way.
"""

from __future__ import annotations

from collections.abc import Iterable
from heapq import nsmallest
from typing import Protocol

IDLE_SECONDS = 2.0  # of the coarse clock: one that has asked within the last second stays
AT_ONCE = 16  # that give way together: to find them looks at all


class Guest(Protocol):
    """The part of a connection that is needed."""

    @property
    def idle_since(self) -> float | None:
        """Since when it waits for a request, by the coarse clock; None while it has one, or is closing."""

    def give_way(self) -> None:
        """Closes it."""


class Room:
    """``leaving``: those that have given way and are still counted."""

    def __init__(self) -> None:
        self.leaving = 0

    def has_place(self, guests: Iterable[Guest], count: int, places: int, now: float) -> bool:
        """Whether the newest of ``count`` guests has one of the places, or one gives way to it."""
        if count - self.leaving > places:
            self._make(guests, now)
        return count - self.leaving <= places

    def _make(self, guests: Iterable[Guest], now: float) -> None:
        idle = [
            (since, number, guest) for number, guest in enumerate(guests) if (since := guest.idle_since) is not None
        ]
        for since, _, guest in nsmallest(AT_ONCE, idle):
            if now - since < IDLE_SECONDS:
                break
            self.leaving += 1
            guest.give_way()
