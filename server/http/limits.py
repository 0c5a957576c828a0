"""Owns the sizes and counts that limit a connection. Pure: knows no sockets, and no times: see `timeouts`."""

from __future__ import annotations

from server.errors import ServerError

MAX_HEAD_BYTES = 16_384
MAX_HEADERS = 100
MAX_URL_BYTES = 2048
MAX_PIPELINED = 64  # unanswered requests of a connection at which reading pauses
MAX_COLD_AHEAD = 4  # the same of a cold one, which keeps its head and a few kilobytes until its turn
MAX_PIPELINED_BYTES = 16_384  # reading pauses until a request with a larger body is answered: answers grow with bodies
PIECE_BYTES = 8192  # parsed at a time: what one piece costs is answered before the next is looked at
HEADS_AT_ONCE = 8  # that are parsed at a time, if so many are in fewer bytes
HEAD_END = b"\r\n\r\n"
TRAILER_BYTES = MAX_HEAD_BYTES // MAX_HEADERS  # what a trailer counts at least: so their number is bounded


def check_head(headers: list[tuple[bytes, bytes]], large: bool) -> None:
    """Raises ServerError ``headers_too_large``. ``large``: the head may exceed MAX_HEAD_BYTES, so it is measured."""
    if len(headers) > MAX_HEADERS or (
        large and sum([len(name) + len(value) for name, value in headers]) > MAX_HEAD_BYTES
    ):
        raise headers_too_large()


def headers_too_large() -> ServerError:
    """The error of a head, or of what stands round a chunked body, that is too large."""
    return ServerError(
        "headers_too_large", f"the headers are more than {MAX_HEADERS}, or larger than {MAX_HEAD_BYTES} bytes in all"
    )


def piece_end(data: bytes, at: int, body_left: int) -> int:
    """Where the piece that is parsed next ends: with ``body_left`` bytes of a body, or with a head, if it can.

    Of few bytes with the last of HEADS_AT_ONCE heads: with what lies between they cost less than a body of many.
    """
    if body_left:
        return min(at + body_left, len(data))
    most = min(at + PIECE_BYTES, len(data))
    end = at
    for _ in range(1 if len(data) > PIECE_BYTES else HEADS_AT_ONCE):
        found = data.find(HEAD_END, end, most)
        if found < 0:
            return most
        end = found + len(HEAD_END)
    return end
