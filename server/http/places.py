"""Owns how many connections a worker takes, below its limit of descriptors. Knows no requests.

Above the open places a new connection is told 503 and closed, so that those there are stay healthy. Some more places
are kept for those who ask how the server is.
"""

from __future__ import annotations

import os
import resource
from pathlib import Path
from typing import NamedTuple

from server.endpoints.gate import OPEN_PATHS
from server.errors import ServerError

MAX_CONNECTIONS = 4096  # an idle connection costs some kilobytes
KEPT_PLACES = 8
SPARE_DESCRIPTORS = 8  # of other use than connections
USUAL_DESCRIPTORS = 32  # in use before the first connection, where the system does not tell
LEAST_PLACES = 8
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
