"""Owns rows of numbers that are read from JSON straight into a buffer, where a text is surely that. Knows no protocol.

simdjson makes no Python object of a number. What it refuses, and what may be anything but whole rows of numbers, is
None here: the parser reads it, and the checks know what is wrong with it. So nothing is refused here, and where
simdjson is missing the parser reads all. docs/decisions.md: "Rows of numbers become no Python floats".
"""

from __future__ import annotations

from typing import Any

import numpy as np

from server.codecs.slices import WINDOW_BYTES

try:
    from csimdjson import Parser
except ImportError:
    Parser = None

MOST_BYTES = WINDOW_BYTES + 2  # of a text; the one parser of a process keeps up to fourteen times as much
MANY_BYTES = 8192  # from here on numpy counts faster
_KINDS = {"d": "d", "f": "d", "l": "i"}  # of a buffer, by numpy's code of the type
# From so many bytes on it is faster for a single row. A float32 costs a pass of numpy's, three microseconds.
_LEAST_BYTES = {"d": 200, "f": 4000, "l": 200}
_BRACE, _BRACKET, _N = b"{[n"
# What simdjson refuses raises one of these, whole numbers beyond 64 bits the last. AttributeError: it is no list.
_UNFIT = (ValueError, TypeError, KeyError, AttributeError, RuntimeError)

_parse: Any = None if Parser is None else Parser(max_capacity=MOST_BYTES).parse


class MatrixReader:
    """Reads rows of ``width`` numbers. ``gaps``: whether they may have null. ``least``: bytes of a body worth a try."""

    def __init__(self, dtype: np.dtype[Any], width: int, gaps: bool) -> None:
        self._kind = _KINDS[dtype.char]
        self._narrow = dtype if dtype.char == "f" else None
        self._row_bytes = 8 * width
        self._width = width
        self._gaps = gaps
        self.least = _LEAST_BYTES[dtype.char]

    def read_object(self, body: bytes, key: str, flag: str) -> tuple[int, bytes, bool] | None:
        """Reads an object of a row, or a list of rows, under ``key`` and at most a boolean under ``flag``.

        Returns how many rows, 0 for one outside of a list; their buffer; and the flag, False where it is missing.
        """
        if body.rfind(_BRACE) or (self._gaps and _N in body):
            return None
        try:
            document = _parse(body)
            rows = document[key]
            flagged = False
            if len(document) != 1:
                flagged = document[flag]
                if len(document) != 2 or type(flagged) is not bool:
                    return None
            numbers = rows.as_buffer(of_type=self._kind)
            if body.count(_BRACKET) == 1:
                count, fits = 0, numbers.size == self._row_bytes
            else:
                count, fits = len(rows), self._fits(body, rows, numbers)
        except _UNFIT:
            return None
        if not fits:
            return None
        buffer = bytes(numbers) if self._narrow is None else _narrowed(numbers, self._narrow)
        return None if buffer is None else (count, buffer, flagged)

    def read_list(self, text: bytes) -> tuple[int, bytes] | None:
        """Reads a list of rows: how many, and their buffer."""
        if self._gaps and _N in text:
            return None
        try:
            rows = _parse(text)
            numbers = rows.as_buffer(of_type=self._kind)
            count, fits = len(rows), self._fits(text, rows, numbers)
        except _UNFIT:
            return None
        if not fits:
            return None
        buffer = bytes(numbers) if self._narrow is None else _narrowed(numbers, self._narrow)
        return None if buffer is None else (count, buffer)

    def _fits(self, text: bytes, rows: Any, numbers: Any) -> bool:
        """Whether a text's only list has rows that are lists of ``width`` numbers each. Raises what is in _UNFIT.

        All that is in it was taken as numbers, or lists of such. `len` raises for a number; as there are as many lists
        as rows, none is in another.
        """
        count = len(rows)
        return (
            _brackets(text) == count + 1
            and numbers.size == count * self._row_bytes
            and set(map(len, rows)) == {self._width}
        )


def _brackets(text: bytes) -> int:
    """How many lists begin in a text of numbers."""
    if len(text) < MANY_BYTES:
        return text.count(_BRACKET)
    return int(np.count_nonzero(np.frombuffer(text, np.uint8) == _BRACKET))


def _narrowed(numbers: Any, dtype: np.dtype[Any]) -> bytes | None:
    """Doubles as the nearest of a smaller type; None where that has none."""
    with np.errstate(over="ignore"):
        narrow = np.frombuffer(numbers).astype(dtype)
    return narrow.tobytes() if np.isfinite(narrow).all() else None


def matrix_reader(dtype: np.dtype[Any], width: int, gaps: bool) -> MatrixReader | None:
    """A reader for rows of ``width`` numbers of a type; None where there is no simdjson."""
    return None if _parse is None else MatrixReader(dtype, width, gaps)
