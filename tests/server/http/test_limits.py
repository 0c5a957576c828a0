"""The sizes and counts of a head: what is allowed, what is refused, and that a refusal ends the connection."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from server.errors import ServerError
from server.http.limits import MAX_HEAD_BYTES, MAX_HEADERS, MAX_URL_BYTES, check_head
from tests.support.server import models
from tests.support.server.doors import ROW, Door, check_refused, get, open_door, post


def test_as_many_headers_as_allowed_pass() -> None:
    check_head([(b"a", b"")] * MAX_HEADERS, large=True)
    with pytest.raises(ServerError) as caught:
        check_head([(b"a", b"")] * (MAX_HEADERS + 1), large=False)
    assert (caught.value.code, caught.value.status) == ("headers_too_large", 431)


@pytest.mark.parametrize("headers", [1, 64])
def test_names_and_values_count_together(headers: int) -> None:
    value = b"x" * (MAX_HEAD_BYTES // headers - 1)
    check_head([(b"a", value)] * headers, large=True)
    with pytest.raises(ServerError, match=f"larger than {MAX_HEAD_BYTES} bytes in all"):
        check_head([(b"ab", value)] * headers, large=True)


def test_a_head_that_came_in_one_small_piece_is_not_measured() -> None:
    check_head([(b"a", b"x" * 2 * MAX_HEAD_BYTES)], large=False)


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    with open_door("two", tmp_path_factory.mktemp("m"), {"iris": models.classifier()}) as opened:
        yield opened


TOO_LARGE = {
    "a long target": (get("/" + "x" * 3000), 414),
    "one large header": (get("/health", "GET", b"A: " + b"x" * 20_000), 431),
    "many headers": (post(ROW, "/predict", *[b"A%d: x" % number for number in range(200)]), 431),
    "many bytes of headers": (post(ROW, "/predict", *[b"A%d: %b" % (n, b"x" * 300) for n in range(60)]), 431),
}


@pytest.mark.fault(4)
@pytest.mark.parametrize("what", TOO_LARGE)
def test_a_head_that_is_too_large_is_refused_and_the_connection_ends(door: Door, what: str) -> None:
    data, status = TOO_LARGE[what]
    check_refused(door, post(ROW), data, status)


def test_a_target_as_long_as_allowed_passes(door: Door) -> None:
    assert door.ask(get("/" + "x" * (MAX_URL_BYTES - 1))).status == 404
    assert door.ask(get("/" + "x" * MAX_URL_BYTES)).status == 414


@pytest.mark.fault(4)
def test_an_endless_header_is_refused_before_it_ends(door: Door) -> None:
    client = door.connect().send(b"GET /health HTTP/1.1\r\nHost: x\r\nA: ")
    with pytest.raises((ConnectionError, TimeoutError)):  # noqa: PT012  how soon it ends is up to the kernel
        for _ in range(1000):
            client.send(b"x" * 10_000)
    client.close()
