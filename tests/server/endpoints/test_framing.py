"""What a head says of its body: how it is coded, and how long it is."""

from __future__ import annotations

import pytest

from server.endpoints.framing import body_length, check_framing, has_body
from server.errors import ServerError

HOST = (b"host", b"x")
CHUNKED = (b"transfer-encoding", b"chunked")


@pytest.mark.parametrize("coding", [b"gzip, chunked", b"identity", b"chunked, chunked", b"xchunked", b""])
def test_a_body_is_chunked_or_as_it_is(coding: bytes) -> None:
    with pytest.raises(ServerError, match="only chunked"):
        check_framing([(b"transfer-encoding", coding)], "1.1")


def test_chunks_are_of_http_1_1() -> None:
    check_framing([HOST, CHUNKED], "1.1")
    check_framing([HOST], "1.0")
    with pytest.raises(ServerError, match=r"HTTP/1\.0 has no"):
        check_framing([HOST, CHUNKED], "1.0")


def test_one_transfer_encoding_and_only_one() -> None:
    with pytest.raises(ServerError, match="at most one Transfer-Encoding"):
        check_framing([HOST, CHUNKED, CHUNKED], "1.1")


def test_the_length_of_a_body() -> None:
    assert body_length([HOST, (b"content-LENGTH", b"31 ")]) == 31
    assert body_length([HOST]) is None


def test_whether_a_body_follows() -> None:
    assert has_body([HOST, (b"Transfer-Encoding", b"chunked")])
    assert has_body([HOST, (b"content-length", b"1")])
    assert not has_body([HOST, (b"content-length", b"0")])
    assert not has_body([HOST])
