"""Owns the opening of what CatBoost wrote. Needs no CatBoost, knows no pickles. Plain Python 3.8.

Its bytes are a FlatBuffer, whose frame CatBoost's own reader verifies. What the numbers in it point to it does not: so
they are read here first, and trees, splits, borders and leaves must fit together. The schema is CatBoost's model.fbs.
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np

from convert.errors import Refused
from convert.opening.making.boosters import MOST_COLUMNS, described
from convert.opening.refusal import hostile

Array = np.ndarray[Any, Any]
MAGIC = b"CBM1"
DIMENSION, SPLITS, SIZES, STARTS, FLOATS, VALUES, WEIGHTS, STEPS, BIASES, PACKED = 0, 1, 2, 3, 5, 8, 9, 10, 16, 17
CATEGORIES, ONE_HOT, COUNTED, TEXTS, ESTIMATED, EMBEDDED = 4, 6, 7, 12, 13, 18
LAST_FIELD = EMBEDDED
MODEL_TREES, PARTS = 1, 3  # of the whole
INDEX, FLAT_INDEX, BORDERS = 1, 2, 3  # of a column of numbers
OWN_FLAT_INDEX, NAME = 1, 2  # of any other
LONGEST_NAMES = 300
MOST_DEPTH = 16  # CatBoost's own limit
MOST_DIMENSIONS = 1 << 16
BORDERS_IN_BIN = 254  # a column with more takes several bytes
BIN = np.dtype([("column", "<u2"), ("mask", "u1"), ("split", "u1")])


def catboost_state(state: Any) -> dict[str, Any]:
    """What a CatBoost may read of a state: its bytes, which were looked through, and plain parameters.

    One that was not fitted, which searches, stacks and bags keep beside those that were, has no bytes.
    """
    raw, rest = described(state, "__model")
    kept = {name: value for name, value in rest.items() if not name.startswith("_test_eval")}
    if "__model" not in state:
        return kept
    if type(raw) is not bytes:
        raise hostile("a CatBoost model in the file is not bytes")
    check_catboost(raw)
    return {**kept, "__model": raw}


def fill_catboost(model: Any, state: Any) -> None:
    """From CatBoost's own bytes."""
    model.__setstate__(catboost_state(state))


def check_catboost(raw: bytes) -> None:
    """Refuses a model whose trees would be followed out of their memory."""
    size = int.from_bytes(raw[4:8], "little")
    if raw[:4] != MAGIC or size > len(raw) - 8:
        raise hostile("a CatBoost model in the file is cut short")
    try:
        whole = _Table.root(raw[8 : 8 + size])
        _check_trees(whole.table(MODEL_TREES))
        if whole.count(PARTS) or size != len(raw) - 8:
            raise hostile("a CatBoost model in the file carries parts that no model of numbers has")
    except (struct.error, ValueError, IndexError, OverflowError) as error:
        raise hostile("a CatBoost model in the file is broken") from error


class _Table:
    """A table of a FlatBuffer: its fields by number. Raises struct.error or ValueError beyond the bytes."""

    def __init__(self, data: bytes, at: int) -> None:
        self._data, self._at = data, at
        shape = at - _number(data, "<i", at)
        length = _number(data, "<H", shape)
        self.fields = [_number(data, "<H", shape + place) for place in range(4, length, 2)]

    @classmethod
    def root(cls, data: bytes) -> _Table:
        """The outermost."""
        return cls(data, _number(data, "<I", 0))

    def has(self, field: int) -> bool:
        """Whether it says anything of this."""
        return field < len(self.fields) and self.fields[field] != 0

    def number(self, field: int, kind: str, default: Any) -> Any:
        """A plain value."""
        return _number(self._data, kind, self._at + self.fields[field]) if self.has(field) else default

    def table(self, field: int) -> _Table:
        """A table within this one."""
        if not self.has(field):
            raise ValueError(field)
        return _Table(self._data, self._target(self._at + self.fields[field]))

    def count(self, field: int) -> int:
        """How many members a vector has."""
        return int(_number(self._data, "<I", self._target(self._at + self.fields[field]))) if self.has(field) else 0

    def text(self, field: int) -> str:
        """A text; empty where there is none."""
        return self.vector(field, "u1").tobytes().decode()

    def vector(self, field: int, dtype: Any) -> Array:
        """A vector of plain values."""
        count = self.count(field)
        start = self._target(self._at + self.fields[field]) + 4 if self.has(field) else 0
        return np.frombuffer(self._data, dtype, count, start)

    def tables(self, field: int) -> list[_Table]:
        """A vector of tables."""
        start = self._target(self._at + self.fields[field]) + 4 if self.has(field) else 0
        places = range(start, start + 4 * min(self.count(field), MOST_COLUMNS), 4)
        return [_Table(self._data, self._target(place)) for place in places]

    def _target(self, at: int) -> int:
        return at + int(_number(self._data, "<I", at))


def _number(data: bytes, kind: str, at: int) -> Any:
    if at < 0:
        raise ValueError(at)
    return struct.unpack_from(kind, data, at)[0]


def _refuse_own_columns(trees: _Table) -> None:
    for kind, field in (("category", CATEGORIES), ("text", TEXTS), ("embedding", EMBEDDED)):
        columns = trees.tables(field)
        if columns:
            names = ", ".join(column.text(NAME) or str(column.number(OWN_FLAT_INDEX, "<i", -1)) for column in columns)
            raise Refused(
                f"CatBoost's own {kind} columns ({names[:LONGEST_NAMES]})",
                "encode them before the model (OneHotEncoder, TargetEncoder, ...) and leave cat_features out",
            )
    if any(map(trees.count, (ONE_HOT, COUNTED, ESTIMATED))):
        raise hostile("a CatBoost model in the file has splits of columns that it does not have")


def _check_trees(trees: _Table) -> None:
    _refuse_own_columns(trees)
    if trees.count(STEPS):
        raise Refused("CatBoost's trees are not symmetric", "fit with grow_policy='SymmetricTree', the default")
    if any(map(trees.has, range(LAST_FIELD + 1, len(trees.fields)))):
        raise Refused("a CatBoost model in the file is of a later kind than is known here", "fit it with CatBoost 1.2")
    splits, sizes, starts = (trees.vector(field, "<i4") for field in (SPLITS, SIZES, STARTS))
    dimension = int(trees.number(DIMENSION, "<i", 0))
    borders = _check_columns(trees.tables(FLOATS))
    if (sizes < 0).any() or (sizes > MOST_DEPTH).any() or not 1 <= dimension <= MOST_DIMENSIONS:
        raise hostile("a CatBoost model in the file has trees that are none")
    ends = np.cumsum(sizes, dtype=np.int64)
    sound = (int(ends[-1]) if len(ends) else 0) == len(splits)
    sound &= len(starts) == len(sizes) and bool((starts == ends - sizes).all())
    sound &= bool(((splits >= 0) & (splits < borders.sum())).all())
    leaves = int((np.int64(1) << sizes.astype(np.int64)).sum())
    sound &= trees.count(VALUES) == leaves * dimension and trees.count(WEIGHTS) in (0, leaves)
    sound &= trees.count(BIASES) in (0, dimension)
    if not sound or not _is_packed(trees.vector(PACKED, BIN), splits, borders):
        raise hostile("a tree of CatBoost's in the file points outside its own splits or leaves")


def _check_columns(columns: list[_Table]) -> Array:
    """How many borders each column has; CatBoost counts columns by the last one."""
    for field in (INDEX, FLAT_INDEX):
        places = np.array([column.number(field, "<i", -1) for column in columns], np.int64)
        if len(places) and (places[0] < 0 or (np.diff(places) <= 0).any() or places[-1] >= MOST_COLUMNS):
            raise hostile("a CatBoost model in the file has columns that are none")
    for column in columns:
        column.vector(BORDERS, "<f4")
    return np.array([column.count(BORDERS) for column in columns], np.int64)


def _is_packed(bins: Array, splits: Array, borders: Array) -> bool:
    """Whether the splits, as they are looked up in bytes, are those that the trees name."""
    if not len(bins):
        return True
    ends = np.cumsum(borders)
    column = np.searchsorted(ends, splits, side="right")
    within = splits - (ends - borders)[column]
    bytes_of = -(-borders // BORDERS_IN_BIN)
    first = np.cumsum(bytes_of) - bytes_of
    wanted = (first[column] + within // BORDERS_IN_BIN, within % BORDERS_IN_BIN + 1)
    if len(bins) != len(splits) or bins["mask"].any():
        return False
    return bool((bins["column"] == wanted[0]).all() and (bins["split"] == wanted[1]).all())
