"""Owns the time limits of a connection and decides which it exceeds. Reads no clock: it is given the time.

A sweep once a second looks at every connection, so no request needs a timer of its own. Figures and sources:
docs/behavior.md, "Limits"; docs/decisions.md, "A slow reader is judged by what its kernel acknowledged".
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import socket
import struct
import termios
from array import array

SWEEP_SECONDS = 1.0  # between two checks of the time limits
HEAD_SECONDS = 10.0  # for the first byte of a connection, and for a whole head
BODY_GRACE_SECONDS = 10.0  # a body must bring BYTES_PER_SECOND in every window of so long
GROWTH = (
    64  # and a 64th of what came before: what is held of large bodies is bounded for all, and must be worth its room
)
BYTES_PER_SECOND = 500.0  # least rate of bodies and of acknowledged answers; slow mobile connections are faster
WRITE_SECONDS = 10.0  # a client that acknowledges answers slower than that for so long is disconnected
KERNEL_SECONDS = 30.0  # the same for what the kernel holds of a connection that we have closed
RETIRE_GRACE_SECONDS = 2.0  # docs/decisions.md: "A retiring worker waits 2 s on open connections"

# What a connection waits for; the table in `connection` says when it changes.
FRESH, IDLE, HEAD, BODY = range(4)

_ACKNOWLEDGED = struct.Struct("=120xQ")  # tcpi_bytes_acked in Linux's struct tcp_info


def overdue(waits_for: int, seconds: float, received: int, before: int) -> str | None:
    """The message for a connection that has waited for ``seconds``; None if in time.

    Of a body, ``seconds`` are those of the present window, ``received`` its bytes and ``before`` those that came
    before it: see `fills_window`.
    """
    if waits_for in (FRESH, HEAD) and seconds > HEAD_SECONDS:
        return "the head of the request did not come in time"
    if waits_for == BODY and seconds > BODY_GRACE_SECONDS and not fills_window(received, before):
        return "the body of the request did not come in time"
    return None


def fills_window(received: int, before: int) -> bool:
    """Whether ``received`` bytes of a body, behind those from ``before``, are enough for one window: then the next
    begins."""
    return received >= max(BYTES_PER_SECOND * BODY_GRACE_SECONDS, before // GROWTH)


def let_kernel_end(listener: socket.socket) -> None:
    """Has the kernel end a listener's connections whose client acknowledges nothing for KERNEL_SECONDS.

    After we have closed one, only the kernel knows what still waits in its buffer, and would keep it for minutes.
    """
    if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux; connections take it from their listener
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(KERNEL_SECONDS * 1000))


class WriteProgress:
    """Whether a client acknowledges its answers. Times: seconds of the monotonic clock."""

    def __init__(self, transport: asyncio.Transport, now: float) -> None:
        self._transport = transport
        self._since = now  # when the client last acknowledged enough
        self._acknowledged = acknowledged_bytes(transport)
        self.owed = unacknowledged_bytes(transport)  # as of the last look

    def is_stalled(self, now: float) -> bool:
        """Whether the client has been too slow for WRITE_SECONDS. Called at every sweep."""
        owed, acknowledged = unacknowledged_bytes(self._transport), acknowledged_bytes(self._transport)
        if max(self.owed - owed, acknowledged - self._acknowledged) >= BYTES_PER_SECOND * SWEEP_SECONDS:
            self._since = now
        self.owed, self._acknowledged = owed, acknowledged
        return now - self._since > WRITE_SECONDS


def unacknowledged_bytes(transport: asyncio.Transport) -> int:
    """Bytes that the client has not acknowledged, in our buffer and in the kernel's, which may hold megabytes."""
    in_kernel = array("i", [0])
    connected = transport.get_extra_info("socket")
    if connected is not None and connected.fileno() >= 0:
        with contextlib.suppress(OSError):  # a connection that has just ended must not end the sweep
            fcntl.ioctl(connected.fileno(), termios.TIOCOUTQ, in_kernel)
    return transport.get_write_buffer_size() + in_kernel[0]


def acknowledged_bytes(transport: asyncio.Transport) -> int:
    """Bytes that the client has acknowledged since it connected; 0 where the kernel does not tell."""
    connected = transport.get_extra_info("socket")
    if connected is None or connected.fileno() < 0:
        return 0
    try:
        told = connected.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _ACKNOWLEDGED.size)
    except (AttributeError, OSError):  # no TCP, or not Linux
        return 0
    return int(_ACKNOWLEDGED.unpack(told)[0]) if len(told) == _ACKNOWLEDGED.size else 0
