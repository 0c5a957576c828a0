"""Owns the interface of a codec: one protocol for one model, from headers and body to an entry. Knows no protocol."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Protocol

from server.batching.entry import Entry
from server.codecs.slices import Slices
from server.errors import ServerError

Headers = Iterable[tuple[bytes, bytes]]  # names in any case


class Codec(Protocol):
    """Decodes the requests of one protocol for one model; its `BatchGroup`s encode the answers."""

    # `decode` needs what `read_headers` returns. If False, ``request`` may be None, and what `read_headers` lets pass
    # line by line must pass together: the head cache remembers lines.
    reads_headers: bool
    counts_stages: bool  # as of its `BatchGroup`s

    def read_headers(self, headers: Headers) -> Any:
        """Checks the headers; returns what they say of the body, for the entry's ``request``. Raises ServerError.

        The head cache remembers it for heads with the same lines: it depends on the headers alone, and is never
        changed. Content-Length and what proxies write anew for each request say nothing here.
        """

    def decode(self, entry: Entry, body: bytes | bytearray) -> Slices[None] | None:
        """Parses and checks a body: sets the entry's ``group``, ``request`` and ``rows``. Raises ServerError.

        Returns None; or, of a body that takes more than some 10 ms, the slices that do so, none done yet.
        """


class NoRowsCodec:
    """The codec of a model that has no rows: it refuses every body. ``check`` checks the headers."""

    reads_headers = False
    counts_stages = False

    def __init__(self, check: Callable[[Headers], object]) -> None:
        self._check = check

    def read_headers(self, headers: Headers) -> None:
        """Raises ServerError as ``check`` does."""
        self._check(headers)

    def decode(self, entry: Entry, body: bytes | bytearray) -> None:
        """Raises ServerError ``invalid_input``."""
        raise ServerError("invalid_input", "this model has no rows to send here; use the v2 protocol")


def check_plain(headers: Headers) -> None:
    """Raises ServerError ``unsupported_media_type`` for a body that is compressed."""
    for name, value in headers:
        if len(name) == ENCODING_LENGTH:
            check_encoding(name, value)


def check_encoding(name: bytes, value: bytes) -> None:
    """`check_plain` for one header, whose name has the length of Content-Encoding."""
    if name.lower() == _ENCODING and value.lower() != b"identity":
        raise ServerError("unsupported_media_type", "compressed bodies are not taken here")


_ENCODING = b"content-encoding"
ENCODING_LENGTH = len(_ENCODING)  # compared first: most header names have another length
