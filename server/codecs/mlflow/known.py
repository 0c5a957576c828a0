"""Owns tables in JSON that are known by their bytes, but for rows of numbers: these alone are parsed again.

What `forms` makes of a body but for its rows holds of each body with the same bytes round them. Knows no entries, and
refuses nothing.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from typing import Any, NamedTuple

import orjson

from server.codecs.json.parser import NUMERALS
from server.codecs.mlflow.forms import FORMS, Rows
from server.codecs.rows import Order
from server.errors import ServerError

MAX_TABLES = 64  # remembered at a time; at the limit all are dropped, and those in use are read again
MAX_BYTES = 4096  # round the rows of one
_ROWS = re.compile(rb"\[[-+0-9.eE, \t\r\n\[\]]*\]")
_OF_ROWS = NUMERALS + b"[]"
_MARK = ["\0"]  # where it stands within a text, its quotes end that, and its backslash is no JSON
_MARK_JSON = orjson.dumps(_MARK)
# What reading rows raises where they are no JSON, are no rows of so many numbers, or lack columns.
_UNFIT = (ValueError, TypeError, OverflowError, struct.error, ServerError)


class _Known(NamedTuple):
    """``suffix``: the JSON behind the rows. ``order``: puts them in schema order; None where they are."""

    suffix: bytes
    order: Order | None


class KnownTables:
    """The tables of one model that were read. ``pack``: packs a row of numbers; see `RowReader.pack_row`."""

    def __init__(self, pack: Callable[..., bytes]) -> None:
        self._pack = pack
        self._known: dict[bytes, _Known] = {}  # by the JSON before the rows

    def __len__(self) -> int:
        return len(self._known)

    def read(self, body: bytes) -> tuple[int, bytes] | None:
        """How many rows a body has, and their buffer; None where it is to be parsed, or refused."""
        start = body.find(b"[[")
        known = self._known.get(body[:start]) if start > 0 else None
        if known is None:
            return None
        suffix, order = known
        text = body[start : len(body) - len(suffix)]
        if not body.endswith(suffix) or text.translate(None, _OF_ROWS):
            return None
        try:
            rows = orjson.loads(text)
            if order is not None:
                rows = order(rows)
            if len(rows) == 1:
                return 1, self._pack(*rows[0])
            pack = self._pack
            return len(rows), b"".join([pack(*row) for row in rows])
        except _UNFIT:
            return None

    def remember(self, body: bytes, document: Any, rows: Rows) -> None:
        """Remembers a table that was read without an error, if others can be known by it."""
        start = body.find(b"[[")
        found = _ROWS.match(body, start) if start >= 0 else None
        if found is None:
            return
        prefix, suffix = body[:start], body[found.end() :]
        if len(prefix) + len(suffix) > MAX_BYTES or not _stands_for(prefix + _MARK_JSON + suffix, document, rows):
            return
        if len(self._known) >= MAX_TABLES:
            self._known.clear()
        self._known[prefix] = _Known(suffix, rows.order)


def _stands_for(marked: bytes, document: Any, rows: Rows) -> bool:
    """Whether the mark stands where the rows of a document were, and all else as it was; an index counts rows."""
    form = next(form for form in FORMS if form in document)
    table = document[form]
    if table is rows.source:
        expected = {**document, form: _MARK}
    elif type(table) is dict and table.get("data") is rows.source and "index" not in table:
        expected = {**document, form: {**table, "data": _MARK}}
    else:
        return False
    try:
        return orjson.dumps(orjson.loads(marked)) == orjson.dumps(expected)
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        return False
