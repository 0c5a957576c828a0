"""Owns the long lists of a body: cut out of it, and parsed in pieces. Knows no protocol.

A list that is cut at some commas is JSON if each piece is, in brackets of its own; and a body is, if it is with a text
in the place of the list. So nothing need follow the structure of the bytes. What does not come apart in this way, as
JSON or to its protocol, is read by `sliced_parser`, which also knows what is wrong with it.
docs/decisions.md: "A long list is cut without following its structure".
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from typing import Any, NamedTuple, TypeVar

import orjson

from server.codecs.slices import WINDOW_BYTES, Slices
from server.errors import ServerError

T = TypeVar("T")

MAX_CUT = 16  # cut out of one body
OTHER_BYTES = 65_536  # of a body beside its long lists
MAX_PIECE_BYTES = 4 * WINDOW_BYTES  # of a piece that is one row
_OPEN, _BRACE, _T, _F = b"[{tf"


class NotCut(Exception):
    """A body does not come apart, or is refused: it is to be read as a whole."""


class Piece(NamedTuple):
    """Some ``values`` of a list, parsed. ``clean``: none of them is a boolean."""

    values: list[Any]
    clean: bool


class LongList:
    """The list between two places of a body. ``nested``: its values are lists or objects, else none is."""

    __slots__ = ("_body", "_end", "_separator", "_start", "nested")

    def __init__(self, body: bytes | bytearray, start: int, end: int, separator: bytes) -> None:
        self._body = body
        self._start = start
        self._end = end
        self._separator = separator
        self.nested = len(separator) > 1

    def pieces(self) -> Iterator[Piece]:
        """Parses the list, some WINDOW_BYTES at a time. Raises NotCut."""
        return map(parsed, self.texts())

    def texts(self) -> Iterator[bytes]:
        """The list in pieces of some WINDOW_BYTES, each a list that is to be `parsed`. Raises NotCut."""
        at, view = self._start, memoryview(self._body)
        while True:
            stop = self._cut(at)
            yield b"".join((b"[", view[at:stop], b"]"))
            if stop == self._end:
                return
            at = stop + 1

    def _cut(self, at: int) -> int:
        """Where the piece ends that begins at a place: at a comma, or with the list."""
        if self._end - at <= WINDOW_BYTES:
            return self._end
        body, separator = self._body, self._separator
        found = body.rfind(separator, at, at + WINDOW_BYTES)
        if found < 0:
            found = body.find(separator, at, min(at + MAX_PIECE_BYTES, self._end))
            if found < 0:
                raise NotCut
        return found + len(separator) - 1


def parsed(text: bytes) -> Piece:
    """Parses one of the `LongList.texts`. Raises NotCut, also where it is empty."""
    try:
        values = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise NotCut from None
    if not values:
        raise NotCut
    return Piece(values, _T not in text and _F not in text)


class CutBody:
    """A body without its long lists: ``document`` has texts in their places, until they are put back."""

    def __init__(self, document: Any, lists: dict[str, LongList]) -> None:
        self.document = document
        self._lists = lists

    def put_back(self, container: Any, key: str) -> None:
        """Puts a list in its place, if that is under a key of ``container``."""
        if type(container) is dict and type(token := container.get(key)) is str and token in self._lists:
            container[key] = self._lists.pop(token)

    def check_whole(self) -> None:
        """Raises NotCut unless all lists are in their places."""
        if self._lists:
            raise NotCut


def opening_of(*keys: str) -> re.Pattern[bytes]:
    """Finds where a list begins that is the value of one of some keys."""
    return re.compile(rb'"(?:%b)"[ \t\r\n]*:[ \t\r\n]*\[[ \t\r\n]*' % "|".join(keys).encode())


def cut_out(body: bytes | bytearray, opening: re.Pattern[bytes], size: int | None = None) -> CutBody:
    """Cuts the lists out of the JSON that the first ``size`` bytes of a body are. Raises NotCut."""
    size = len(body) if size is None else size
    parts: list[bytes | bytearray] = []
    lists: dict[str, LongList] = {}
    unknown = secrets.token_hex(8)  # to any client: such a text is in the place of a list alone
    at = 0
    while len(lists) < MAX_CUT and (found := opening.search(body, at, min(at + OTHER_BYTES, size))):
        start = found.end()
        end, separator = _end_of(body, start, size)
        token = f"{unknown}{len(lists)}"
        lists[token] = LongList(body, start, end, separator)
        parts += [body[at : found.end()].rstrip(b"[ \t\r\n"), b'"%b"' % token.encode()]
        at = end + 1
    others = sum(map(len, parts)) + size - at
    if not lists or others > OTHER_BYTES:
        raise NotCut
    try:
        document = orjson.loads(b"".join([*parts, memoryview(body)[at:size]]))
    except orjson.JSONDecodeError:
        raise NotCut from None
    return CutBody(document, lists)


def _end_of(body: bytes | bytearray, start: int, size: int) -> tuple[int, bytes]:
    """Where the bracket is that likely closes the list from ``start`` on, and what its values may be parted at."""
    first = body[start] if start < size else None
    if first == _OPEN:
        brace = body.find(b"}", start, size)
        closing, separator, last = b"]]", b"],", size if brace < 0 else brace
    elif first == _BRACE:
        closing, separator, last = b"}]", b"},", size
    else:
        end, separator = body.find(b"]", start, size), b","
        if end < 0:
            raise NotCut
        return end, separator
    end = body.rfind(closing, max(start, last - OTHER_BYTES), last)
    if end < 0:
        raise NotCut
    return end + 1, separator


def or_not_cut(slices: Slices[T]) -> Slices[T]:
    """Does slices, whose refusals become NotCut: that a body is no JSON comes before what a protocol says of it."""
    while True:
        try:
            next(slices)
        except StopIteration as stop:
            value: T = stop.value
            return value
        except ServerError:
            raise NotCut from None
        yield  # what is thrown in here, such as a deadline, is passed on
