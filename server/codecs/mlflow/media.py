"""Owns the media types of MLflow's protocol, by the headers of a request. Knows no bodies."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from server.codecs.codec import Headers, NoRowsCodec, check_plain
from server.codecs.mlflow.forms import FORMS
from server.errors import ServerError

Media = Literal["json", "csv"]


def media_of(content_types: Iterable[bytes]) -> Media:
    """The media of a body by its Content-Type headers; JSON without one.

    Raises ServerError ``unsupported_media_type``, also for parameters other than ``charset=utf-8``, as MLflow does.
    """
    media: Media = "json"
    for value in content_types:
        kind, *parameters = (part.strip().lower() for part in value.split(b";"))
        if kind not in (b"application/json", b"text/csv"):
            raise ServerError("unsupported_media_type", "send 'application/json' or 'text/csv' as Content-Type")
        for parameter in filter(None, parameters):
            name, _, text = parameter.partition(b"=")
            if name.strip() != b"charset" or text.strip(b' "') not in (b"utf-8", b"utf8"):
                raise ServerError(
                    "unsupported_media_type",
                    "Content-Type takes no parameter but charset=utf-8; tables are sent as MLflow 2 and later have "
                    f"them: {', '.join(FORMS)}",
                )
        media = "csv" if kind == b"text/csv" else "json"
    return media


def read_media(headers: Headers) -> Media:
    """The media of a body. Raises ServerError ``unsupported_media_type``, also for a compressed body."""
    media = media_of(value for name, value in headers if name.lower() == b"content-type")
    check_plain(headers)
    return media


NO_ROWS = NoRowsCodec(read_media)
