"""Owns JSON rows: packs parsed JSON into buffers, many at a time where nothing is wrong. Knows no answers.

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
from typing import Any, cast

import numpy as np

from server.artefact.metadata import Feature
from server.artefact.tensors import Buffer, InputLayout
from server.codecs.json.long_lists import LongList, NotCut, parsed
from server.codecs.json.matrix import matrix_reader
from server.codecs.json.parser import Allowance
from server.codecs.row_checks import STRUCT_CODES, Locate, RowChecker
from server.codecs.slices import Slices, join, ranges, rows_per_slice

# What `pack(*row)` raises for a row of another length or with a value that is no number of its type. A JSON object is
# unpacked into its keys and a string into its characters, which are no numbers.
_UNFIT = (struct.error, OverflowError, TypeError)
OTHERS = 1024  # values, and lists or objects, that a protocol may have around its rows

Order = Callable[[Any], Sequence[Any]]  # puts the values of some rows in schema order

NUMPY_OF_DTYPE: Mapping[str, np.dtype[Any]] = {
    "float64": np.dtype(np.float64),
    "float32": np.dtype(np.float32),
    "int64": np.dtype(np.int64),
    "bool": np.dtype(np.bool_),
    "string": np.dtype(np.object_),
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
        features = tuple(features)
        ignored = frozenset(ignored)
        self._checker = RowChecker(features, ignored)
        self._ignored = len(ignored)
        self._inputs = _input_columns(features)
        self.layouts = tuple(columns.layout for columns in self._inputs)
        self.width = len(features)
        # One matrix of numbers without categories: a row that packs is valid.
        categories = any(feature.categories is not None for feature in features)
        plain = len(self._inputs) == 1 and not categories and features[0].dtype not in ("bool", "string")
        self.pack_row = self._inputs[0].pack if plain else None  # raises as in _UNFIT; takes a boolean for a number
        names = [feature.name for feature in features]
        self._pick: Callable[[Any], tuple[Any, ...]] = (
            itemgetter(*names) if len(names) > 1 else lambda row: (row[names[0]],)
        )
        nullable = tuple(feature.nullable for feature in features)
        self._gaps = nullable if any(nullable) else ()
        self.matrix = matrix_reader(self.layouts[0].dtype, self.width, gaps=bool(self._gaps)) if plain else None

    def read_row(self, row: Any, clean: bool) -> tuple[Buffer, ...]:
        """Packs one row, a list in schema order or an object by feature name.

        ``clean``: the JSON text has no boolean. Raises ServerError ``invalid_input`` or ``out_of_range``.
        """
        if self.pack_row is not None and clean and type(row) is list:
            try:
                return (self.pack_row(*row),)
            except _UNFIT:
                pass
        packed = self._pack_others([row], clean)
        return self._slow_buffers([self._checker.checked(row, "features")]) if packed is None else (packed,)

    def read_rows(
        self, rows: Sequence[Any], clean: bool, locate: Locate | None = None, first: int = 0
    ) -> tuple[Buffer, ...]:
        """Packs many rows, of which the ``first`` has that number. ``clean``, errors: as in `read_row`.

        ``locate``: how errors say where a value is.
        """
        pack = self.pack_row
        if pack is not None and (clean or not _have_boolean(rows)):
            try:
                return (b"".join([pack(*row) for row in rows]),)
            except _UNFIT:
                pass
        packed = self._pack_others(rows, clean)
        return self._read_one_by_one(rows, locate, first) if packed is None else (packed,)

    def _pack_others(self, rows: Sequence[Any], clean: bool) -> bytes | None:
        """Packs objects of all features, and rows with missing values; None for what is to be checked one by one."""
        pack = self.pack_row
        is_named = type(rows[0]) is dict
        if pack is None or not (is_named or self._gaps):
            return None
        if is_named:
            if set(map(type, rows)) != {dict} or set(map(len, rows)) != {self.width}:
                return None
            try:
                rows = [self._pick(row) for row in rows]
            except KeyError:
                return None
        if not clean and _have_boolean(rows):
            return None
        try:
            return b"".join([pack(*_filled(row, self._gaps)) for row in rows])
        except _UNFIT:
            return None

    def _read_one_by_one(self, rows: Sequence[Any], locate: Locate | None, first: int) -> tuple[Buffer, ...]:
        checker = self._checker
        if locate is not None:
            return self._slow_buffers([checker.checked_at(index, row, locate) for index, row in enumerate(rows, first)])
        return self._slow_buffers([checker.checked(row, f"features[{at}]") for at, row in enumerate(rows, first)])

    def read_in_slices(
        self, rows: Sequence[Any], clean: bool, order: Order | None = None, locate: Locate | None = None
    ) -> Slices[tuple[Buffer, ...]]:
        """`read_rows` for many rows; ``order`` puts some of them in schema order."""
        parts: list[list[Buffer]] = [[] for _ in self._inputs]
        for start, stop in ranges(len(rows), rows_per_slice(self.width)):
            some = rows[start:stop]
            self._read_part(parts, some if order is None else order(some), clean, locate, start)
            yield
        return (yield from self._joined(parts))

    def read_pieces(
        self, rows: LongList, max_rows: int, order: Order | None = None, locate: Locate | None = None
    ) -> Slices[tuple[int, tuple[Buffer, ...]]]:
        """`read_in_slices` for rows that are parsed on the way, and their number.

        Raises ServerError; NotCut, also for more than ``max_rows``.
        """
        parts: list[list[Buffer]] = [[] for _ in self._inputs]
        count = 0
        if not rows.nested:
            raise NotCut
        matrix = self.matrix if order is None else None
        for text in rows.texts():
            if matrix is not None and (numbers := matrix.read_list(text)) is not None:
                count += numbers[0]
                if count > max_rows:
                    raise NotCut
                parts[0].append(numbers[1])
                yield
                continue
            values, clean = parsed(text)
            if count + len(values) > max_rows:
                raise NotCut
            for start, stop in ranges(len(values), rows_per_slice(self.width)):
                some = values if stop - start == len(values) else values[start:stop]
                self._read_part(parts, some if order is None else order(some), clean, locate, count + start)
                yield
            count += len(values)
        return count, (yield from self._joined(parts))

    def _read_part(
        self, parts: list[list[Buffer]], rows: Sequence[Any], clean: bool, locate: Locate | None, first: int
    ) -> None:
        kinds = set(map(type, rows))
        fit = kinds == {dict} or (
            kinds == {list} and set(map(len, rows)) == {self.width}
        )  # else packing costs too much
        buffers = self.read_rows(rows, clean, locate, first) if fit else self._read_one_by_one(rows, locate, first)
        for part, buffer in zip(parts, buffers, strict=True):
            part.append(buffer)

    def _joined(self, parts: list[list[Buffer]]) -> Slices[tuple[Buffer, ...]]:
        whole: list[Buffer] = []
        for columns, part in zip(self._inputs, parts, strict=True):
            is_text = columns.pack is None
            whole.append(list(chain.from_iterable(cast("Any", part))) if is_text else (yield from join(part)))
        return tuple(whole)

    def allowance(self, max_rows: int) -> Allowance:
        """What a body of ``max_rows`` rows may have: their values, an index, and what a protocol has around them."""
        width = self.width + self._ignored
        values = max_rows * (width + 1) + width + OTHERS
        return Allowance(values, max_rows + self.width + OTHERS, values, max_rows)

    def _slow_buffers(self, rows: list[list[Any]]) -> tuple[Buffer, ...]:
        return tuple(_buffer(columns, rows) for columns in self._inputs)


def _have_boolean(rows: Sequence[Any]) -> bool:
    return any(bool in set(map(type, row)) for row in rows if type(row) in (list, tuple))


def _filled(row: Sequence[Any], gaps: Sequence[bool]) -> Sequence[Any]:
    """A row with NaN where it has null and may have it."""
    if not gaps or len(row) != len(gaps) or None not in row:
        return row
    return [math.nan if value is None and gap else value for value, gap in zip(row, gaps, strict=True)]


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
