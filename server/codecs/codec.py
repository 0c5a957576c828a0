"""Owns what every codec is: one protocol for one model, from headers and body to an entry. Knows no protocol itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Protocol

from server.batching.entry import Entry
from server.errors import ServerError

Headers = Iterable[tuple[bytes, bytes]]  # names in any case


class Codec(Protocol):
    """One protocol for one model. Its `BatchGroup`s make the answers."""

    reads_headers: bool  # headers say more of a body than its length
    counts_stages: bool  # the protocol's statistics tell how long reading and answering took

    def read_headers(self, headers: Headers) -> Any:
        """What the headers say of the body, to be kept as the entry's ``request``. Raises ServerError."""

    def decode(self, entry: Entry, body: bytes | bytearray) -> None:
        """Reads and checks a body: sets the entry's ``group``, ``request`` and ``rows``. Raises ServerError."""


class NoRowsCodec:
    """Stands for the codec of a model that cannot be asked in rows, and says so. ``check``: of the headers."""

    reads_headers = True
    counts_stages = False

    def __init__(self, check: Callable[[Headers], object]) -> None:
        self._check = check

    def read_headers(self, headers: Headers) -> None:
        """Raises ServerError as the codec does that it stands for."""
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
    """As `check_plain`, of one header whose name has the length of Content-Encoding."""
    if name.lower() == _ENCODING and value.lower() != b"identity":
        raise ServerError("unsupported_media_type", "compressed bodies are not taken here")


_ENCODING = b"content-encoding"
ENCODING_LENGTH = len(_ENCODING)  # told apart by length first: most headers are neither
