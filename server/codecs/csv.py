"""Owns CSV: parses the bytes of a table, strictly, into a header and rows of cells. Knows no protocol.

A table of numbers only is rewritten as JSON lists for the JSON parser, which takes a twentieth of the time of
converting each cell. docs/decisions.md: "/invocations takes what MLflow 3.17 takes, but no column too many".
"""

from __future__ import annotations

import csv
import io
from codecs import utf_8_decode
from collections.abc import Iterator
from typing import Any, NamedTuple

import orjson

from server.codecs.refusals import counted
from server.codecs.slices import SLICE_ITEMS, WINDOW_BYTES, Slices
from server.errors import ServerError

BYTE_ORDER_MARK = b"\xef\xbb\xbf"  # Excel writes it first
MAX_ROW_CHARACTERS = 1_048_576
MORE_COLUMNS = 1024
LINE_COST = 128  # what a line of a row costs beside its characters
BLANK_LINES = 1000  # allowed beside one for each row
BLANK_COST, CHARACTERS_PER_CELL = 2, 16  # of a slice's work: what an empty line costs, and long cells, in cells
_NUMERIC_BYTES = b"0123456789+-.eE,\n"


class Table(NamedTuple):
    """A header and the rows under it. ``typed``: cells are numbers, else texts."""

    columns: list[str]
    rows: list[Any]
    typed: bool


def read_table(body: bytes | bytearray, numeric: bool, max_rows: int, width: int) -> Slices[Table]:
    """Parses a table, in slices. ``numeric``: every feature is a number, so that cells may be parsed as numbers.

    ``width``: cells of a row. A header or row of more is the last that is read, or some rows behind it. Raises
    ServerError: ``bad_request`` for what is no CSV in UTF-8, ``too_many_rows``, ``invalid_input``.
    """
    start = len(BYTE_ORDER_MARK) if body.startswith(BYTE_ORDER_MARK) else 0
    if (yield from _is_blank(body, start)):
        raise ServerError("bad_request", "the body is empty; expected CSV with a header")
    if numeric and (table := (yield from _read_numbers(body, start, max_rows, width))) is not None:
        return table
    try:
        return (yield from _read_texts(body, start, max_rows, width))
    except UnicodeDecodeError:
        at = yield from _first_bad_byte(memoryview(body)[start:])
        raise ServerError("bad_request", f"the body is not UTF-8 text: byte {at}") from None


def _is_blank(body: bytes | bytearray, start: int) -> Slices[bool]:
    for at in range(start, len(body), WINDOW_BYTES):
        if not body[at : at + WINDOW_BYTES].isspace():
            return False
        yield
    return True


def _first_bad_byte(data: memoryview) -> Slices[int]:
    at = 0
    while at < len(data):
        stop = at + WINDOW_BYTES
        try:
            at += utf_8_decode(data[at:stop], "strict", stop >= len(data))[1]
        except UnicodeDecodeError as error:
            return at + error.start
        yield
    return at


def _read_numbers(data: bytes | bytearray, start: int, max_rows: int, width: int) -> Slices[Table | None]:
    """The table, if it is a header of one line and plain numbers; else None."""
    head_end = data.find(b"\n", start, start + MAX_ROW_CHARACTERS)
    head = data[start : max(head_end, start)].removesuffix(b"\r")
    if not head.strip() or b'"' in head or b"\r" in head:
        return None
    try:
        columns = head.decode().split(",", most_columns(width))[: most_columns(width)]
    except UnicodeDecodeError:  # the whole text is judged, not its header
        return None
    rows: list[list[Any]] = []
    at = head_end + 1
    end = yield from _end_of_rows(data, at)
    while at < end:
        stop = _line_end(data, at, end)
        block = data[at:stop].removesuffix(b"\r").replace(b"\r\n", b"\n")
        if stop < 0 or b"\n\n" in b"\n" + block + b"\n" or block.translate(None, _NUMERIC_BYTES):
            return None
        count = block.count(b"\n") + 1
        _check_count(len(rows) + count, max_rows)
        try:
            rows += orjson.loads(b"[[" + block.replace(b"\n", b"],[") + b"]]")
        except ValueError:  # then cells are converted one by one
            return None
        if block.count(b",") > count * (width - 1):
            break
        at = stop + 1
        yield
    return Table(columns, rows, typed=True) if rows else None


def _end_of_rows(data: bytes | bytearray, start: int) -> Slices[int]:
    """Where the ends of lines begin that nothing follows; ``start`` if nothing else is behind it."""
    end = len(data)
    while end > start:
        window = max(start, end - WINDOW_BYTES)
        if kept := len(data[window:end].rstrip(b"\r\n")):
            return window + kept
        end = window
        yield
    return start


def _line_end(data: bytes | bytearray, start: int, end: int) -> int:
    """Where to cut at an end of line, some WINDOW_BYTES behind ``start``; -1 where a line is too long."""
    if end - start <= WINDOW_BYTES:
        return end
    last = data.rfind(b"\n", start, start + WINDOW_BYTES)
    if last > start:
        return last
    limit = start + MAX_ROW_CHARACTERS
    following = data.find(b"\n", start + WINDOW_BYTES, min(limit, end))
    return end if following < 0 and end <= limit else following


class _Bytes(io.RawIOBase):
    """Reads a body from a place on, without a copy of it."""

    def __init__(self, body: bytes | bytearray, start: int) -> None:
        self._left = memoryview(body)[start:]

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count = min(len(buffer), len(self._left))
        buffer[:count] = self._left[:count]
        self._left = self._left[count:]
        return count


class _Lines:
    """The lines of a text, for the parser: a row of several lines or many cells is bounded while it is read."""

    def __init__(self, body: bytes | bytearray, start: int, width: int) -> None:
        self._text = io.TextIOWrapper(io.BufferedReader(_Bytes(body, start)), "utf-8", newline="")
        self._most = most_columns(width)
        self._width = width
        self.row = 0  # its number; 0 is the header
        self.characters = 0  # of the row

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._text.readline(MAX_ROW_CHARACTERS + 1)
        if not line:
            raise StopIteration
        if not self.characters and '"' not in line and line.count(",") >= self._most:
            line = self._cut(line)
        self.characters += len(line) + LINE_COST
        if self.characters > MAX_ROW_CHARACTERS:
            raise ServerError("bad_request", f"a row of the CSV has more than {MAX_ROW_CHARACTERS} characters")
        return line

    def _cut(self, line: str) -> str:
        """The first columns of a header; that features are missing or repeated is seen in them."""
        if self.row:
            expected = counted(self._width, "value")
            raise ServerError("invalid_input", f"row {self.row}: expected {expected}, got more than {self._most}")
        return ",".join(line.split(",", self._most)[: self._most])


def _read_texts(body: bytes | bytearray, start: int, max_rows: int, width: int) -> Slices[Table]:
    lines = _Lines(body, start, width)
    reader = csv.reader(lines, strict=True)
    columns: list[str] = []
    rows: list[list[str]] = []
    blank = work = 0
    try:
        for cells in reader:
            work += BLANK_COST + len(cells) + lines.characters // CHARACTERS_PER_CELL
            lines.characters = 0
            if not cells:
                blank += 1
                _check_count(blank - BLANK_LINES, max_rows)
            elif not columns:
                columns = cells
            else:
                rows.append(cells)
                _check_count(len(rows), max_rows)
            lines.row = len(rows) + bool(columns)
            if len(cells) > width:
                break
            if work > SLICE_ITEMS:
                work = 0
                yield
    except csv.Error as error:
        raise ServerError("bad_request", f"the body is not CSV: {error}, line {reader.line_num}") from None
    return Table(columns, rows, typed=False)


def most_columns(width: int) -> int:
    """The columns of a header that are looked at: among so many some are unknown or repeated."""
    return 2 * width + MORE_COLUMNS


def _check_count(rows: int, max_rows: int) -> None:
    if rows > max_rows:
        raise ServerError("too_many_rows", f"there are more than the {max_rows} rows allowed")
