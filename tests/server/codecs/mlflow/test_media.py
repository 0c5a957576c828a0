"""Media types: JSON and CSV, in UTF-8, are taken; others are refused."""

from __future__ import annotations

import pytest

from server.codecs.mlflow.media import Media, media_of
from server.errors import ServerError


@pytest.mark.parametrize(
    ("content_types", "media"),
    [
        ([], "json"),
        ([b"application/json"], "json"),
        ([b"Application/JSON ; Charset=UTF-8;"], "json"),
        ([b'text/csv; charset="utf-8"'], "csv"),
        ([b"text/csv"], "csv"),
    ],
)
def test_media(content_types: list[bytes], media: Media) -> None:
    assert media_of(content_types) == media


@pytest.mark.parametrize(
    "content_type",
    [
        b"",
        b"text/plain",
        b"application/x-www-form-urlencoded",
        b"application/json; format=pandas-split",
        b"text/csv; header=absent",
        b"application/json; charset=latin-1",
        b"application/json; charset",
        b"application/vnd.apache.parquet",
    ],
)
def test_other_media_are_refused(content_type: bytes) -> None:
    with pytest.raises(ServerError) as caught:
        media_of([content_type])
    assert caught.value.code == "unsupported_media_type"
