"""Owns the time limits of a connection and who is over one. Reads no clock: it is told the time.

A sweep once a second looks at every connection, so no request needs a timer of its own. Figures and sources:
docs/behavior.md, "Limits"; docs/decisions.md, "A slow reader is judged by what its kernel acknowledged".
"""

from __future__ import annotations

import asyncio
import fcntl
import termios
from array import array

SWEEP_SECONDS = 1.0  # how coarsely time limits are kept
HEAD_SECONDS = 10.0  # for the first bytes and the whole head of a request
BODY_GRACE_SECONDS = 10.0  # before a body must have come at the least rate
BYTES_PER_SECOND = 500.0  # the least rate, of bodies and of answers taken; slow mobile connections are faster
WRITE_SECONDS = 10.0  # a client that takes its answers slower than that for so long is let go
RETIRE_GRACE_SECONDS = 2.0  # a retiring worker answers what still comes on open connections for so long

# What a connection waits for; the table on top of `connection` says when it changes.
FRESH, IDLE, HEAD, BODY = range(4)


def overdue(waits_for: int, seconds: float, received: int) -> str | None:
    """What did not come in time, of a connection that has waited so long and received so many bytes meanwhile."""
    if waits_for in (FRESH, HEAD) and seconds > HEAD_SECONDS:
        return "the head of the request did not come in time"
    over = seconds - BODY_GRACE_SECONDS
    if waits_for == BODY and over > 0 and received < over * BYTES_PER_SECOND:
        return "the body of the request did not come in time"
    return None


class WriteProgress:
    """Whether a client takes its answers, from when writing to it was paused, in seconds of the monotonic clock."""

    def __init__(self, transport: asyncio.Transport, now: float) -> None:
        self._transport = transport
        self._since = now  # when the client last took some
        self._unacknowledged = unacknowledged_bytes(transport)

    def is_stalled(self, now: float) -> bool:
        """Whether it has been too slow for too long; to be asked at every sweep."""
        unacknowledged = unacknowledged_bytes(self._transport)
        if self._unacknowledged - unacknowledged >= BYTES_PER_SECOND * SWEEP_SECONDS:
            self._since = now
        self._unacknowledged = unacknowledged
        return now - self._since > WRITE_SECONDS


def unacknowledged_bytes(transport: asyncio.Transport) -> int:
    """Bytes the client has not acknowledged, in our buffer and in the kernel's, which may be megabytes."""
    in_kernel = array("i", [0])
    connected = transport.get_extra_info("socket")
    if connected is not None:
        fcntl.ioctl(connected.fileno(), termios.TIOCOUTQ, in_kernel)
    return transport.get_write_buffer_size() + in_kernel[0]
