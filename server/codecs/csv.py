"""Owns CSV: parses the bytes of a table, strictly, into a header and rows of cells. Knows no protocol.

A table of numbers only is rewritten as JSON lists for the JSON parser, which takes a twentieth of the time of
converting each cell. docs/decisions.md: "/invocations takes what MLflow 3.17 takes, but no column too many".
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import orjson

from server.artefact.metadata import Feature
from server.errors import ServerError

NUMERIC_DTYPES = frozenset({"float64", "float32", "int64"})
NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
WHOLE_NUMBER = re.compile(r"[+-]?[0-9]{1,19}")
INT64_LEAST = -(2**63)
BOOLEANS = {"True": True, "true": True, "TRUE": True, "False": False, "false": False, "FALSE": False}
BYTE_ORDER_MARK = b"\xef\xbb\xbf"  # Excel writes it first
_NUMERIC_BYTES = b"0123456789+-.eE,\n"

Convert = Callable[[str], Any]


class Table(NamedTuple):
    """A header and the rows under it. ``typed``: cells are numbers, else texts."""

    columns: list[str]
    rows: list[Any]
    typed: bool


def read_table(body: bytes | bytearray, numeric: bool, max_rows: int) -> Table:
    """Parses a whole table. ``numeric``: every feature is a number, so that cells may be parsed as numbers.

    Raises ServerError: ``bad_request`` for what is no CSV in UTF-8, ``too_many_rows``.
    """
    data = bytes(body).removeprefix(BYTE_ORDER_MARK)
    if not data.strip():
        raise ServerError("bad_request", "the body is empty; expected CSV with a header")
    if numeric and (table := _read_numbers(data, max_rows)) is not None:
        return table
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise ServerError("bad_request", f"the body is not UTF-8 text: byte {error.start}") from None
    return _read_texts(text, max_rows)


def _read_numbers(data: bytes, max_rows: int) -> Table | None:
    """The table, if it is a header of one line and plain numbers; else None."""
    head, _, rest = data.partition(b"\n")
    rest = rest.replace(b"\r\n", b"\n").rstrip(b"\n")
    plain_head = head.strip() and b'"' not in head and b"\r" not in head.removesuffix(b"\r")
    if not plain_head or not rest or b"\n\n" in b"\n" + rest or rest.translate(None, _NUMERIC_BYTES):
        return None
    _check_count(rest.count(b"\n") + 1, max_rows)
    try:
        rows = orjson.loads(b"[[" + rest.replace(b"\n", b"],[") + b"]]")
        return Table(head.decode().removesuffix("\r").split(","), rows, typed=True)
    except ValueError:  # then cells are converted one by one
        return None


def _read_texts(text: str, max_rows: int) -> Table:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows: list[list[str]] = []
    try:
        columns = next(filter(None, reader), [])
        for cells in filter(None, reader):
            rows.append(cells)
            _check_count(len(rows), max_rows)
    except csv.Error as error:
        raise ServerError("bad_request", f"the body is not CSV: {error}, line {reader.line_num}") from None
    return Table(columns, rows, typed=False)


def _check_count(rows: int, max_rows: int) -> None:
    if rows > max_rows:
        raise ServerError("too_many_rows", f"there are more than the {max_rows} rows allowed")


def converters(features: Sequence[Feature]) -> tuple[Convert, ...]:
    """For each feature, converts a cell's text to a value; an invalid text stays, for `RowReader` to refuse."""
    return tuple(_converter(feature) for feature in features)


def _converter(feature: Feature) -> Convert:
    convert = _OF_DTYPE[feature.dtype]
    # NaN packs as it is; for texts and categories `RowReader` turns None into their missing value.
    missing = None if feature.dtype == "string" or feature.categories is not None else math.nan
    return (lambda text: convert(text) if text else missing) if feature.nullable else convert


def _number(text: str) -> Any:
    value = float(text) if NUMBER.fullmatch(text) else math.inf
    return text if math.isinf(value) else value


def _whole_number(text: str) -> Any:
    value = int(text) if WHOLE_NUMBER.fullmatch(text) else INT64_LEAST - 1
    return value if value >= INT64_LEAST else text  # `RowReader` refuses one that is too large


def _boolean(text: str) -> Any:
    return BOOLEANS.get(text, text)


_OF_DTYPE: dict[str, Convert] = {
    "float64": _number,
    "float32": _number,
    "int64": _whole_number,
    "bool": _boolean,
    "string": str,
}
