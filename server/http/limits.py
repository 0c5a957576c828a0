"""Owns the limits of a connection: sizes, counts and times, and who is over one. Pure: knows no sockets, no clock."""

from __future__ import annotations

from server.errors import ServerError
from server.http.head_cache import MAX_HEAD_BYTES, MAX_HEADERS

MAX_URL_BYTES = 2048
MAX_PIPELINED = 64  # requests of one connection that wait before reading from it pauses
MAX_PIPELINED_BYTES = 16_384  # a larger body, and the next request waits for its answer: answers grow with bodies

SWEEP_SECONDS = 1.0  # how coarsely time limits are kept: no request needs a timer of its own
HEAD_SECONDS = 10.0  # for the first bytes and the whole head of a request
BODY_GRACE_SECONDS = 10.0  # before a body must have come at the least rate
BYTES_PER_SECOND = 500.0  # the least rate, of bodies and of answers taken; slow mobile connections are faster
WRITE_SECONDS = 10.0  # a client that takes its answers slower than that for so long is let go
RETIRE_GRACE_SECONDS = 2.0  # a retiring worker answers what still comes on open connections for so long

# What a connection waits for. A fresh one has never sent a byte; an idle one has sent its requests whole.
FRESH, IDLE, HEAD, BODY = range(4)


def overdue(waits_for: int, seconds: float, received: int) -> str | None:
    """What did not come in time, of a connection that has waited so long and received so many bytes meanwhile."""
    if waits_for in (FRESH, HEAD) and seconds > HEAD_SECONDS:
        return "the head of the request did not come in time"
    over = seconds - BODY_GRACE_SECONDS
    if waits_for == BODY and over > 0 and received < over * BYTES_PER_SECOND:
        return "the body of the request did not come in time"
    return None


def check_head(headers: list[tuple[bytes, bytes]], large: bool) -> None:
    """Raises ServerError ``headers_too_large``. ``large``: the head may be over the size, so it is measured."""
    if len(headers) > MAX_HEADERS or (
        large and sum([len(name) + len(value) for name, value in headers]) > MAX_HEAD_BYTES
    ):
        raise headers_too_large()


def headers_too_large() -> ServerError:
    """The refusal of a head that is too large."""
    return ServerError(
        "headers_too_large", f"the headers are more than {MAX_HEADERS}, or larger than {MAX_HEAD_BYTES} bytes in all"
    )
