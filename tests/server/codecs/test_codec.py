"""What codecs share: bodies that are compressed are refused, and a model without rows says so."""

from __future__ import annotations

import pytest

from server.codecs import predict
from server.codecs.codec import check_plain
from server.codecs.mlflow import media
from server.errors import ServerError
from tests.support.server.decoding import decode


@pytest.mark.parametrize("value", [b"gzip", b"deflate", b"br", b"identity, gzip", b"x"])
def test_no_compressed_body(value: bytes) -> None:
    for name in (b"content-encoding", b"Content-Encoding"):
        with pytest.raises(ServerError) as caught:
            check_plain([(b"content-language", b"gzip"), (name, value)])
        assert (caught.value.code, caught.value.status) == ("unsupported_media_type", 415)


def test_identity_is_no_compression() -> None:
    check_plain([(b"Content-Encoding", b"Identity"), (b"accept-encoding", b"gzip")])


def test_a_model_without_rows_says_so_once_its_headers_pass() -> None:
    for codec, good in ((predict.NO_ROWS, b"application/json"), (media.NO_ROWS, b"text/csv")):
        codec.read_headers([(b"content-type", good)])
        with pytest.raises(ServerError, match="Content-Type"):
            codec.read_headers([(b"content-type", b"image/png")])
        with pytest.raises(ServerError, match="use the v2 protocol"):
            decode(codec, b"{}")
