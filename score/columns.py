"""Owns the way from a table's columns to a model's inputs, strictly, row by row. Knows no files and no sessions.

Columns are looked at as a whole: what is plainly right is taken at once. Each row that is not is given to the server's
own reader of rows, which takes it or says why not, so that a table and a request are judged by one rule.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from score.errors import Refused
from server.artefact.metadata import MISSING_TEXT, SINCE_1970, Feature
from server.artefact.tensors import Array, concatenate
from server.codecs.cells import BOOLEANS, NUMBER, converters
from server.codecs.dates import seconds_of
from server.codecs.refusals import few, listed
from server.codecs.row_checks import DATE, EXPECTED
from server.codecs.rows import NUMPY_OF_DTYPE, RowReader
from server.errors import ServerError

SHORT_WHOLE_NUMBER = r"^[+-]?[0-9]{1,18}$"  # of so many digits none is too large
INFINITE = "expected a finite number"
PER_SECOND = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}
DAY = 86_400.0  # seconds


class Refusal(NamedTuple):
    """Why a row, counted from 0 within its batch, is not scored."""

    row: int
    reason: str


class Rows(NamedTuple):
    """The graph inputs of the rows that are right, ``[rows, width]`` each, and which rows those are."""

    feed: Mapping[str, Array]
    taken: Array
    refused: Sequence[Refusal]


class _Column(NamedTuple):
    """The values of a feature, and of which rows they are surely right."""

    values: Array
    sure: Array


class ColumnReader:
    """Makes graph inputs of tables. ``texts``: every cell is a text, as in CSV."""

    def __init__(self, features: Sequence[Feature], texts: bool) -> None:
        self._features = tuple(features)
        self._texts = texts
        self._converters: Sequence[Callable[[str], Any]] = converters(self._features)
        self._reader = RowReader(self._features)
        self._inputs = [list(columns) for _, columns in groupby(range(len(features)), lambda at: features[at].input)]
        self.layouts = self._reader.layouts

    @property
    def names(self) -> list[str]:
        """The columns that a table must have."""
        return [feature.name for feature in self._features]

    def check(self, schema: pa.Schema) -> None:
        """Raises Refused for a table without a feature, with one twice, or with one of another type."""
        missing = [name for name in self.names if name not in schema.names]
        if missing:
            raise Refused(f"the table lacks {listed(missing)}; it has {listed(schema.names)}")
        twice = [name for name in self.names if schema.names.count(name) > 1]
        if twice:
            raise Refused(f"the table has {listed(twice)} more than once")
        if self._texts:
            return
        unfit = [
            f"'{feature.name}' is {schema.field(feature.name).type}, expected {_expected(feature)}"
            for feature in self._features
            if not _fits(feature, schema.field(feature.name).type)
        ]
        if unfit:
            raise Refused(f"columns of another type: {few(unfit)}. Cast them first")

    def read(self, batch: pa.RecordBatch) -> Rows:
        """Reads the rows of a batch whose schema was checked."""
        arrays = [_plain(feature, batch.column(feature.name)) for feature in self._features]
        read = _read_text if self._texts else _read_typed
        columns = [read(feature, array) for feature, array in zip(self._features, arrays, strict=True)]
        feed = {
            layout.name: np.stack([columns[at].values for at in members], axis=1).astype(layout.dtype, copy=False)
            for layout, members in zip(self.layouts, self._inputs, strict=True)
        }
        unsure = np.flatnonzero(~np.logical_and.reduce([column.sure for column in columns]))
        refused = [refusal for row in unsure.tolist() if (refusal := self._judge(arrays, feed, row)) is not None]
        taken = np.ones(batch.num_rows, np.bool_)
        taken[[refusal.row for refusal in refused]] = False
        if refused:
            feed = {name: array[taken] for name, array in feed.items()}
        return Rows(feed, taken, refused)

    def _judge(self, arrays: Sequence[pa.Array], feed: Mapping[str, Array], row: int) -> Refusal | None:
        """Puts a row into the feed as the server reads it, or returns why it is refused."""
        cells = {name: array[row].as_py() for name, array in zip(self.names, arrays, strict=True)}
        try:
            values = {
                feature.name: self._value(feature, convert, cells[feature.name])
                for feature, convert in zip(self._features, self._converters, strict=True)
            }
            buffers = self._reader.read_row(values, clean=False)
        except ServerError as error:
            return Refusal(row, error.message)
        for layout, buffer in zip(self.layouts, buffers, strict=True):
            feed[layout.name][row] = concatenate(layout, [buffer])[0]
        return None

    def _value(self, feature: Feature, convert: Callable[[str], Any], cell: Any) -> Any:
        """A cell as JSON would have it."""
        if self._texts:
            return convert(cell)
        if isinstance(cell, float) and not math.isfinite(cell):
            if math.isinf(cell):
                raise ServerError("invalid_input", f"feature '{feature.name}': {INFINITE}")
            return None
        return cell


def _plain(feature: Feature, array: pa.Array) -> pa.Array:
    decoded = array.dictionary_decode() if pa.types.is_dictionary(array.type) else array
    if feature.unit == SINCE_1970 and pa.types.is_timestamp(decoded.type):
        counts = decoded.cast(pa.int64()).cast(pa.float64(), safe=False)
        return pc.divide(counts, PER_SECOND[decoded.type.unit])
    if feature.unit == SINCE_1970 and pa.types.is_date(decoded.type):
        return pc.multiply(decoded.cast(pa.date32()).cast(pa.int32()).cast(pa.float64()), DAY)
    return decoded


def _expected(feature: Feature) -> str:
    return DATE if feature.unit == SINCE_1970 else EXPECTED[feature.dtype]


def _fits(feature: Feature, given: pa.DataType) -> bool:
    plain = given.value_type if pa.types.is_dictionary(given) else given
    dtype = feature.dtype
    if pa.types.is_null(plain):
        return True
    if feature.unit == SINCE_1970 and (pa.types.is_timestamp(plain) or pa.types.is_date(plain)):
        return getattr(plain, "tz", None) is None
    if dtype == "string" or (feature.unit == SINCE_1970 and _is_text(plain)):
        return _is_text(plain)
    if dtype == "bool":
        return bool(pa.types.is_boolean(plain))
    return bool(pa.types.is_integer(plain) or (dtype != "int64" and pa.types.is_floating(plain)))


def _is_text(given: pa.DataType) -> bool:
    return bool(pa.types.is_string(given) or pa.types.is_large_string(given) or pa.types.is_string_view(given))


def _read_typed(feature: Feature, array: pa.Array) -> _Column:
    """A column of a typed table. What is missing is null, or NaN among numbers."""
    valid: Array = array.is_valid().to_numpy(zero_copy_only=False)
    if feature.dtype == "string":
        return _texts(feature, array.cast(pa.string()), valid)
    if _is_text(array.type):  # of dates: all others were refused
        seconds = [math.nan if text is None else seconds_of(text) for text in array.to_pylist()]
        numbers = np.array([math.nan if number is None else number for number in seconds], np.float64)
        return _numbers(feature, numbers, ~np.isnan(numbers), missing=~valid)
    values: Array = array.cast(array.type if pa.types.is_floating(array.type) else _carrier(feature, array.type))
    numbers = pc.fill_null(values, False if feature.dtype == "bool" else 0).to_numpy(zero_copy_only=False)
    if numbers.dtype.kind == "f":
        valid = valid & ~np.isnan(numbers)
    return _numbers(feature, numbers, valid, missing=~valid)


def _carrier(feature: Feature, given: pa.DataType) -> pa.DataType:
    """The type through which a column of no values passes; any other stays as it is."""
    if not pa.types.is_null(given):
        return given
    return pa.bool_() if feature.dtype == "bool" else pa.int64()


def _read_text(feature: Feature, array: pa.Array) -> _Column:
    """A column of CSV, as `server.codecs.csv` converts its cells."""
    missing: Array = pc.equal(array, "").to_numpy(zero_copy_only=False)
    if feature.dtype == "string":
        return _texts(feature, array, ~missing if feature.nullable else np.ones(len(array), np.bool_))
    if feature.dtype == "bool":
        at = pc.fill_null(pc.index_in(array, pa.array(list(BOOLEANS))), -1).to_numpy(zero_copy_only=False)
        return _numbers(feature, np.array([*BOOLEANS.values(), False])[at], at >= 0, missing)
    whole = feature.dtype == "int64"
    fits = pc.match_substring_regex(array, SHORT_WHOLE_NUMBER if whole else f"^(?:{NUMBER.pattern})$")
    plain = pc.if_else(fits, pc.replace_substring_regex(array, r"^\+", ""), "0")
    valid: Array = fits.to_numpy(zero_copy_only=False)
    try:
        numbers: Array = plain.cast(pa.int64() if whole else pa.float64()).to_numpy(zero_copy_only=False)
    except pa.ArrowInvalid:  # one that the cast does not know: every cell is looked at
        numbers, valid = np.zeros(len(array)), np.zeros(len(array), np.bool_)
    return _numbers(feature, numbers, valid, missing)


def _texts(feature: Feature, array: pa.Array, valid: Array) -> _Column:
    """``valid``: what is not missing."""
    marked = pc.fill_null(array, MISSING_TEXT)
    values: Array = pc.if_else(pa.array(valid), marked, MISSING_TEXT).to_numpy(zero_copy_only=False)
    known = pc.not_equal(marked, MISSING_TEXT)
    if feature.categories is not None:
        texts = [category for category in feature.categories if isinstance(category, str)]
        known = pc.and_(known, pc.is_in(marked, pa.array(texts, pa.string())))
    sure = valid & known.to_numpy(zero_copy_only=False)
    return _Column(values.astype(np.object_), sure | ~valid if feature.nullable else sure)


def _numbers(feature: Feature, numbers: Array, valid: Array, missing: Array) -> _Column:
    """``valid``: what is a number; ``missing``: what is none because there is nothing."""
    dtype = NUMPY_OF_DTYPE[feature.dtype]
    with np.errstate(over="ignore", invalid="ignore"):
        values: Array = numbers.astype(dtype)
    sure = valid.copy()
    if dtype.kind == "f":
        sure &= np.isfinite(values)
    elif numbers.dtype == np.uint64:
        sure &= numbers <= np.iinfo(np.int64).max
    if feature.categories is not None:
        sure &= np.isin(values, np.array([category for category in feature.categories if category is not None], dtype))
    if feature.nullable and dtype.kind == "f":
        values[missing] = np.nan
        sure |= missing
    return _Column(values, sure)
