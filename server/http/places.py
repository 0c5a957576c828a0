"""Owns how many connections a worker takes, below its limit of descriptors, and who gives way. Knows no requests.

Where all places are taken, those give way that have asked nothing for the longest: to be there costs a client nothing,
so one could have all the places. Where none does, a new connection is told 503 and closed, so that those there are stay
healthy. Some more places are kept for those who ask how the server is.
"""

from __future__ import annotations

import os
import resource
from collections.abc import Iterable
from heapq import nsmallest
from pathlib import Path
from typing import NamedTuple, Protocol

from server.endpoints.gate import OPEN_PATHS
from server.errors import ServerError

MAX_CONNECTIONS = 4096  # an idle connection costs some kilobytes
KEPT_PLACES = 8
SPARE_DESCRIPTORS = 8  # of other use than connections
USUAL_DESCRIPTORS = 32  # in use before the first connection, where the system does not tell
LEAST_PLACES = 8
IDLE_SECONDS = 2.0  # of the coarse clock: one that has asked within the last second stays
LEAVE_AT_ONCE = 16  # that give way together: to find them looks at all
KEPT_PATHS = frozenset({path.encode() for path in OPEN_PATHS} | {b"/metrics"})


class Places(NamedTuple):
    """The most connections: ``open`` for all requests, and ``kept`` more for KEPT_PATHS."""

    open: int
    kept: int


def places_within(limit: int, used: int) -> Places:
    """The places of a process that may have ``limit`` descriptors, of which ``used`` are."""
    return Places(max(LEAST_PLACES, min(MAX_CONNECTIONS, limit - used - SPARE_DESCRIPTORS - KEPT_PLACES)), KEPT_PLACES)


def places() -> Places:
    """The places of this process."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    descriptors = Path("/proc/self/fd")
    used = len(list(descriptors.iterdir())) if os.access(descriptors, os.R_OK) else USUAL_DESCRIPTORS
    return places_within(MAX_CONNECTIONS * 2 if limit == resource.RLIM_INFINITY else limit, used)


def no_place() -> ServerError:
    """The error of a connection too many."""
    message = "this server has as many connections as it may; try again in 1 s"
    return ServerError("overloaded", message, {"retry-after": "1"})


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
        self._full_at = -1.0  # none could give way then: by the coarse clock nobody is idle for longer until it moves

    def has_place(self, guests: Iterable[Guest], count: int, places: int, now: float) -> bool:
        """Whether the newest of ``count`` guests has one of the places, or one gives way to it."""
        if count - self.leaving > places and now != self._full_at:
            self._make(guests, now)
        return count - self.leaving <= places

    def _make(self, guests: Iterable[Guest], now: float) -> None:
        idle = [
            (since, number, guest) for number, guest in enumerate(guests) if (since := guest.idle_since) is not None
        ]
        longest = [guest for since, _, guest in nsmallest(LEAVE_AT_ONCE, idle) if now - since >= IDLE_SECONDS]
        if not longest:
            self._full_at = now
        for guest in longest:
            self.leaving += 1
            guest.give_way()
