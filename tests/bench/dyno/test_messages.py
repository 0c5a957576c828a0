"""Messages as a router passes them: whole, whatever their framing, with the headers that are the router's own."""

from __future__ import annotations

import asyncio

import pytest

from bench.dyno.messages import read_message, with_headers, without_close

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nrows\r\n3;x=1\r\nend\r\n0\r\n\r\n"
LENGTH = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nyes"
BARE = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


def read(*messages: bytes) -> list[bytes | None]:
    async def every() -> list[bytes | None]:
        reader = asyncio.StreamReader()
        reader.feed_data(b"".join(messages))
        reader.feed_eof()
        return [await read_message(reader) for _ in range(len(messages) + 1)]

    return asyncio.run(every())


def test_messages_end_where_their_framing_says() -> None:
    assert read(CHUNKED, LENGTH, BARE) == [CHUNKED, LENGTH, BARE, None]


@pytest.mark.parametrize("cut", [CHUNKED[:-7], LENGTH[:-1], BARE[:-2]])
def test_half_a_message_is_none(cut: bytes) -> None:
    with pytest.raises(asyncio.IncompleteReadError):
        read(cut)


def test_what_a_caller_says_of_the_way_is_replaced_or_added_to() -> None:
    request = (
        b"GET / HTTP/1.1\r\nHost: x\r\nX-Forwarded-Proto: http\r\nConnection: close\r\nX-Forwarded-For: a\r\n\r\nbody"
    )
    passed = with_headers(request, "b")
    assert passed.count(b"X-Forwarded-Proto") == 1
    assert b"X-Forwarded-For: a, b\r\n" in passed
    assert b"Connection" not in passed
    assert passed.startswith(b"GET / HTTP/1.1\r\nHost: x\r\n")
    assert passed.endswith(b"\r\n\r\nbody")


def test_a_dynos_wish_to_close_stays_with_the_router() -> None:
    assert without_close(LENGTH.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")) == LENGTH
