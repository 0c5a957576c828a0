"""Owns a checked reader of UBJSON as XGBoost writes it. Pure; knows nothing of what a document means.

XGBoost's own reader is compiled code that believes the numbers in it, so a document is read here first. What is unusual
is refused: another type, a name twice, bytes behind the end.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from convert.opening.refusal import hostile

DEEPEST = 32
NUMBERS = {b"i": ">i1", b"U": ">u1", b"I": ">i2", b"l": ">i4", b"L": ">i8", b"d": ">f4", b"D": ">f8"}
WHOLE = frozenset(NUMBERS) - {b"d", b"D"}
CONSTANTS: dict[bytes, Any] = {b"T": True, b"F": False, b"Z": None, b"N": None}


def read_ubjson(data: bytes) -> Any:
    """The document: dicts, lists, texts and numbers; an array of one type is a numpy array. Raises Refused."""
    reader = _Reader(data)
    document = reader.value(DEEPEST)
    if reader.at != len(data):
        raise hostile("an XGBoost model in the file does not end where it says")
    return document


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self.at = 0

    def _take(self, count: int) -> bytes:
        piece = self._data[self.at : self.at + count] if count >= 0 else b""
        if len(piece) != count:
            raise hostile("an XGBoost model in the file is cut short")
        self.at += count
        return piece

    def _next_is(self, mark: bytes) -> bool:
        there = self._data[self.at : self.at + 1] == mark
        self.at += there
        return there

    def value(self, depth: int) -> Any:
        """The value that stands here, ``depth`` levels deep at most."""
        mark = self._take(1)
        if depth == 0:
            raise hostile("an XGBoost model in the file nests deeper than any does")
        readers: dict[bytes, Callable[[], Any]] = {
            b"{": lambda: self._object(depth - 1),
            b"[": lambda: self._array(depth - 1),
            b"S": self._text,
        }
        if mark in readers:
            return readers[mark]()
        if mark in CONSTANTS:
            return CONSTANTS[mark]
        return self._numbers(mark, 1)[0].item()

    def _numbers(self, mark: bytes, count: int) -> Any:
        if mark not in NUMBERS:
            raise hostile(f"an XGBoost model in the file has something of an unknown type {mark!r}")
        kind = np.dtype(NUMBERS[mark])
        return np.frombuffer(self._take(count * kind.itemsize), kind).astype(kind.newbyteorder("="))

    def _length(self) -> int:
        mark = self._take(1)
        if mark not in WHOLE:
            raise hostile(f"an XGBoost model in the file has a length of type {mark!r}")
        return int(self._numbers(mark, 1)[0])

    def _text(self) -> str:
        try:
            return self._take(self._length()).decode()
        except UnicodeDecodeError as error:
            raise hostile("a text of an XGBoost model in the file is broken") from error

    def _object(self, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while not self._next_is(b"}"):
            name = self._text()
            if name in found:
                raise hostile(f"an XGBoost model in the file has {name[:60]!r} twice")
            found[name] = self.value(depth)
        return found

    def _array(self, depth: int) -> Any:
        if self._next_is(b"$"):
            mark = self._take(1)
            if not self._next_is(b"#"):
                raise hostile("an array of an XGBoost model in the file has no length")
            return self._numbers(mark, self._length())
        if self._next_is(b"#"):
            return [self.value(depth) for _ in range(self._counted())]
        found = []
        while not self._next_is(b"]"):
            found.append(self.value(depth))
        return found

    def _counted(self) -> int:
        count = self._length()
        if not 0 <= count <= len(self._data) - self.at:
            raise hostile("an XGBoost model in the file is cut short")
        return count
