"""What the headers of a v2 request say, and bodies that unpack to more than they should."""

from __future__ import annotations

import gzip
import random
import tracemalloc
import zlib
from typing import Any

import pytest

from server.codecs.slices import LARGE_BYTES, finish
from server.codecs.v2.body import (
    PACKED_BYTES,
    UNCOUNTED_BYTES,
    TensorHead,
    pack,
    read_head,
    split,
    unpack,
    unpack_small,
)
from server.errors import ServerError


def test_headers_that_say_nothing() -> None:
    assert (
        read_head([(b"Host", b"x"), (b"accept-encoding", b"gzip, deflate"), (b"content-encoding", b"")]) == TensorHead()
    )


def test_headers_in_any_case() -> None:
    head = [
        (b"INFERENCE-header-Content-Length", b"12"),
        (b"content-ENCODING", b"GZIP"),
        (b"Accept-Encoding", b" deflate "),
    ]
    assert read_head(head) == TensorHead(12, b"gzip", b"deflate")


@pytest.mark.parametrize("value", [b"-1", b"", b"1 2", b"+1", b"1e3", b"9" * 19, "٣".encode()])
def test_lengths_that_are_no_numbers(value: bytes) -> None:
    with pytest.raises(ServerError, match="expected one number"):
        read_head([(b"inference-header-content-length", value)])


def test_a_length_may_be_said_twice_but_not_otherwise() -> None:
    name = b"inference-header-content-length"
    assert read_head([(name, b"7"), (name, b"7")]).json_bytes == 7
    with pytest.raises(ServerError, match="expected one number"):
        read_head([(name, b"7"), (name, b"8")])


@pytest.mark.parametrize("value", [b"br", b"zstd", b"gzip, gzip", b"compress"])
def test_other_ways_to_compress_are_refused(value: bytes) -> None:
    with pytest.raises(ServerError) as raised:
        read_head([(b"content-encoding", value)])
    assert raised.value.code == "unsupported_media_type"


@pytest.mark.fault(6)
@pytest.mark.parametrize(("way", "compress"), [(b"gzip", gzip.compress), (b"deflate", zlib.compress)])
def test_a_bomb_is_refused_without_being_unpacked(way: bytes, compress: object) -> None:
    assert callable(compress)
    bomb = compress(bytes(50_000_000))
    tracemalloc.start()
    with pytest.raises(ServerError) as raised:
        finish(unpack(bomb, way, 1000))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert raised.value.code == "body_too_large"
    assert peak < 2_000_000


def test_a_body_of_exactly_the_limit_passes() -> None:
    assert finish(unpack(gzip.compress(b"x" * 1000), b"gzip", 1000)) == b"x" * 1000
    with pytest.raises(ServerError, match="more than the 999 bytes"):
        finish(unpack(gzip.compress(b"x" * 1000), b"gzip", 999))


@pytest.mark.parametrize(("way", "compress"), [(b"gzip", gzip.compress), (b"deflate", zlib.compress)])
def test_a_small_body_is_unpacked_at_once_and_what_is_odd_is_left(way: bytes, compress: Any) -> None:
    held: list[int] = []
    for size in (0, 1, 100, UNCOUNTED_BYTES, UNCOUNTED_BYTES + 1, LARGE_BYTES - 1):
        body = random.Random(size).randbytes(size)
        packed = compress(body)
        taken = unpack_small(packed, way, 1 << 20, held.append)
        assert taken == (body if len(packed) <= PACKED_BYTES else None)
        assert finish(unpack(packed, way, 1 << 20)) == body
    assert held == [UNCOUNTED_BYTES + 1]
    packed = compress(b"x" * 1000)
    odd = [packed[:-1], packed[:5], b"", packed + b"x", packed + packed, b"\0" + packed, b"{}"]
    bombs = [compress(bytes(LARGE_BYTES + 1)), compress(bytes(5_000_000))]
    for body in (*odd, *bombs):
        assert unpack_small(body, way, 1 << 20, held.append) is None
    assert unpack_small(packed, way, 999, held.append) is None
    assert unpack_small(packed, way, 1000, held.append) == b"x" * 1000


def test_a_bomb_takes_no_more_memory_at_once_than_a_small_body() -> None:
    bomb = zlib.compress(bytes(5_000_000))
    tracemalloc.start()
    assert unpack_small(bomb, b"deflate", 1 << 24, lambda size: None) is None
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 * LARGE_BYTES


def test_where_json_ends() -> None:
    assert [bytes(part) for part in split(b"{}abc", 2)] == [b"{}", b"abc"]
    assert [bytes(part) for part in split(b"{}abc", None)] == [b"{}abc", b""]
    assert [bytes(part) for part in split(b"{}abc", 5)] == [b"{}abc", b""]
    with pytest.raises(ServerError, match="has only 5 bytes"):
        split(b"{}abc", 6)


def test_an_answer_of_json_alone_has_no_length_header() -> None:
    assert finish(pack([b"{}"], [], None)) == ([b"{}"], b"application/json", [])
    binary = finish(pack([b"{}"], [b"ab", memoryview(b"c")], None))
    assert binary.headers == [(b"inference-header-content-length", b"2")]
    assert b"".join(binary.pieces) == b"{}abc"


def test_the_length_in_a_compressed_answer_is_that_of_the_json_unpacked() -> None:
    packed = finish(pack([b"{}"], [b"abc"], b"gzip"))
    assert dict(packed.headers) == {b"inference-header-content-length": b"2", b"content-encoding": b"gzip"}
    assert gzip.decompress(b"".join(packed.pieces)) == b"{}abc"
