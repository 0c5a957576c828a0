"""Owns JSON rows: checks parsed JSON and packs it into buffers; errors name the feature. Knows no answers.

The fast path packs a row with `struct`, which accepts numbers only, refuses what a type cannot hold, and needs no loop
in Python. Values are checked one by one only if packing fails or the text may hold a boolean.
docs/decisions.md: "A row is packed with struct".
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from operator import itemgetter
from typing import Any, NoReturn, cast

import numpy as np

from server.artefact.metadata import MISSING_TEXT, Feature
from server.artefact.tensors import Buffer, InputLayout
from server.codecs.json.parser import Allowance
from server.codecs.refusals import counted, few, listed, refuse, shown
from server.codecs.slices import Slices, join, ranges, rows_per_slice
from server.errors import ServerError

# What `pack(*row)` raises for a row of another length or with a value that is no number of its type. A JSON object is
# unpacked into its keys and a string into its characters, which are no numbers.
_UNFIT = (struct.error, OverflowError, TypeError)
OTHERS = 1024  # values, and lists or objects, that a protocol may have around its rows

Locate = Callable[[int, str], str]  # where a value is, by row number and feature name; "": the whole row

NUMPY_OF_DTYPE: Mapping[str, np.dtype[Any]] = {
    "float64": np.dtype(np.float64),
    "float32": np.dtype(np.float32),
    "int64": np.dtype(np.int64),
    "bool": np.dtype(np.bool_),
    "string": np.dtype(np.object_),
}
STRUCT_CODES = {"float64": "d", "float32": "f", "int64": "q", "bool": "?"}
EXPECTED = {
    "float64": "a number",
    "float32": "a number",
    "int64": "a whole number",
    "bool": "true or false",
    "string": "a string",
}


@dataclass(frozen=True, slots=True)
class _InputColumns:
    """The columns ``start`` to ``stop`` of a row, which share a graph input. ``pack`` is None for strings."""

    layout: InputLayout
    start: int
    stop: int
    pack: Callable[..., bytes] | None


class RowReader:
    """Packs rows of parsed JSON into buffers, one per graph input, in the order of ``layouts``."""

    def __init__(self, features: Sequence[Feature], ignored: Iterable[str] = ()) -> None:
        self._features = tuple(features)
        self._ignored = frozenset(ignored)
        self._names = tuple(feature.name for feature in features)
        self._name_set = frozenset(self._names)
        self._inputs = _input_columns(self._features)
        self.layouts = tuple(columns.layout for columns in self._inputs)
        self.width = len(self._features)
        self._pick = itemgetter(*self._names) if self.width > 1 else None
        self._categories = {
            index: frozenset(feature.categories)
            for index, feature in enumerate(self._features)
            if feature.categories is not None
        }
        # One matrix of numbers without categories: a row that packs is valid.
        plain = len(self._inputs) == 1 and not self._categories and self._features[0].dtype not in ("bool", "string")
        self._pack_row = self._inputs[0].pack if plain else None

    def read_row(self, row: Any, clean: bool) -> tuple[Buffer, ...]:
        """Packs one row, a list in schema order or an object by feature name.

        ``clean``: the JSON text has no boolean. Raises ServerError ``invalid_input`` or ``out_of_range``.
        """
        if self._pack_row is not None and clean and type(row) is list:
            try:
                return (self._pack_row(*row),)
            except _UNFIT:
                pass  # the slow path raises the error, which names the value
        return self._slow_buffers([self._checked(row, "features")])

    def read_rows(
        self, rows: Sequence[Any], clean: bool, locate: Locate | None = None, first: int = 0
    ) -> tuple[Buffer, ...]:
        """Packs many rows, of which the ``first`` has that number. ``clean``, errors: as in `read_row`.

        ``locate``: how errors say where a value is.
        """
        pack = self._pack_row
        if pack is not None and (clean or not _have_boolean(rows)):
            try:
                return (b"".join([pack(*row) for row in rows]),)
            except _UNFIT:
                pass  # as above
        return self._read_one_by_one(rows, locate, first)

    def _read_one_by_one(self, rows: Sequence[Any], locate: Locate | None, first: int) -> tuple[Buffer, ...]:
        if locate is not None:
            return self._slow_buffers([self._checked_at(index, row, locate) for index, row in enumerate(rows, first)])
        return self._slow_buffers([self._checked(row, f"features[{index}]") for index, row in enumerate(rows, first)])

    def read_in_slices(
        self, count: int, take: Callable[[int, int], Sequence[Any]], clean: bool, locate: Locate | None = None
    ) -> Slices[tuple[Buffer, ...]]:
        """`read_rows` for ``count`` rows, which ``take`` gives from one number to another."""
        parts: list[list[Buffer]] = [[] for _ in self._inputs]
        for start, stop in ranges(count, rows_per_slice(self.width)):
            rows = take(start, stop)
            fit = all(type(row) is list and len(row) == self.width for row in rows)  # else packing costs too much
            buffers = self.read_rows(rows, clean, locate, start) if fit else self._read_one_by_one(rows, locate, start)
            for part, buffer in zip(parts, buffers, strict=True):
                part.append(buffer)
            yield
        whole: list[Buffer] = []
        for columns, part in zip(self._inputs, parts, strict=True):
            is_text = columns.pack is None
            whole.append(list(chain.from_iterable(cast("Any", part))) if is_text else (yield from join(part)))
        return tuple(whole)

    def allowance(self, max_rows: int) -> Allowance:
        """What a body of ``max_rows`` rows may have: their values, an index, and what a protocol has around them."""
        width = self.width + len(self._ignored)
        values = max_rows * (width + 1) + width + OTHERS
        return Allowance(values, max_rows + self.width + OTHERS, values, max_rows)

    def _slow_buffers(self, rows: list[list[Any]]) -> tuple[Buffer, ...]:
        return tuple(_buffer(columns, rows) for columns in self._inputs)

    def _checked(self, row: Any, where: str) -> list[Any]:
        values = self._values(row, where)
        named = type(row) is dict
        return [
            self._check(index, value, f"feature '{self._names[index]}'" if named else f"{where}[{index}]")
            for index, value in enumerate(values)
        ]

    def _checked_at(self, index: int, row: Any, locate: Locate) -> list[Any]:
        values = self._values(row, locate(index, ""))
        return [self._check(column, value, locate(index, self._names[column])) for column, value in enumerate(values)]

    def _values(self, row: Any, where: str) -> Sequence[Any]:
        if type(row) is dict:
            if row.keys() != self._name_set and row.keys() - self._ignored != self._name_set:
                self._refuse_names(row, where)
            return [row[name] for name in self._names] if self._pick is None else self._pick(row)
        if type(row) is not list:
            refuse(row, f"{where}: expected a row as a list or as an object by feature name, got {shown(row)}")
        if len(row) != self.width:
            refuse(row, f"{where}: expected {counted(self.width, 'value')} ({listed(self._names)}), got {len(row)}")
        return row

    def _refuse_names(self, row: dict[str, Any], where: str) -> NoReturn:
        at = "" if where == "features" else f"{where}: "
        missing = next((name for name in self._names if name not in row), None)
        extra = next((name for name in row if name not in self._name_set and name not in self._ignored), None)
        but = "" if extra is None else f", got {shown(extra)}"
        if missing is not None:
            refuse(row, f"{at}missing feature '{missing}'{but}")
        refuse(row, f"{at}unexpected feature {shown(extra)}: this model takes {listed(self._names)}")

    def _check(self, index: int, value: Any, where: str) -> Any:
        feature = self._features[index]
        if value is None and feature.nullable:
            return MISSING_TEXT if feature.dtype == "string" else math.nan
        checked = _typed(feature.dtype, value, where)
        allowed = self._categories.get(index)
        if allowed is not None and checked not in allowed:
            categories = feature.categories or ()
            known = few([shown(category) for category in categories[:8]], len(categories))
            raise ServerError("invalid_input", f"{where}: expected one of {known}, got {shown(value)}")
        if checked == MISSING_TEXT and not feature.nullable:
            raise ServerError("invalid_input", f"{where}: a missing value, which U+FDD0 stands for, is not taken here")
        return checked


def _have_boolean(rows: Sequence[Any]) -> bool:
    return any(bool in set(map(type, row)) for row in rows if type(row) is list)


def _input_columns(features: Sequence[Feature]) -> tuple[_InputColumns, ...]:
    inputs: list[_InputColumns] = []
    start = 0
    while start < len(features):
        first = features[start]
        stop = start
        while stop < len(features) and features[stop].input == first.input:
            stop += 1
        code = STRUCT_CODES.get(first.dtype)
        pack = struct.Struct(f"={stop - start}{code}").pack if code else None
        layout = InputLayout(first.input, NUMPY_OF_DTYPE[first.dtype], (stop - start,))
        inputs.append(_InputColumns(layout, start, stop, pack))
        start = stop
    return tuple(inputs)


def _buffer(columns: _InputColumns, rows: list[list[Any]]) -> Buffer:
    if columns.pack is None:
        return [value for row in rows for value in row[columns.start : columns.stop]]
    pack = columns.pack
    return b"".join([pack(*row[columns.start : columns.stop]) for row in rows])


def _typed(dtype: str, value: Any, where: str) -> Any:
    kind = type(value)
    if dtype == "string":
        good = kind is str
    elif dtype == "bool":
        good = kind is bool
    elif dtype == "int64":
        good = kind is int
    else:
        good = kind is int or kind is float
    if not good:
        refuse(value, f"{where}: expected {EXPECTED[dtype]}, got {shown(value)}")
    if dtype in ("float32", "int64"):
        try:
            struct.pack(f"={STRUCT_CODES[dtype]}", value)  # without "=" a float beyond the range packs as infinity
        except (struct.error, OverflowError):
            raise ServerError("out_of_range", f"{where}: {shown(value)} is beyond the range of {dtype}") from None
    return value
