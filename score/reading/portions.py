"""Owns how many rows are worked on at once: as many as hold few bytes, however a file packs them. Pure.

A text stands in Parquet once, and every row that has it costs a few bits: 1 kB of a file may be 16 GB of rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as parquet

from server.artefact.tensors import Array

PORTION_BYTES = 32 << 20  # that the rows of a portion hold, or it is one row
INDEX_BYTES = 4  # of a text that is named by its number: a chunk with more for each value has other texts as well
DICTIONARY_BYTES = 2 << 20  # of the texts themselves: what writers take, and as much again


def rows_at_once(metadata: parquet.FileMetaData, groups: Sequence[int], columns: Sequence[str], most: int) -> int:
    """How many rows of these row groups are to be read at once, by what the file says that its columns hold."""
    size = sum(chunk.total_uncompressed_size for group in groups for chunk in _chunks(metadata, group, columns))
    rows = sum(metadata.row_group(group).num_rows for group in groups)
    fitting: int = PORTION_BYTES * rows // max(size, 1)
    return min(most, max(1, fitting))


def repeated_texts(metadata: parquet.FileMetaData, columns: Sequence[str]) -> list[str]:
    """The columns whose rows name their texts by number: they are read as such, and weighed before they are spelt out.

    (To read as such what holds each text once takes five times as long.)
    """
    seldom: set[str] = set()
    for group in range(metadata.num_row_groups):
        for chunk in _chunks(metadata, group, columns):
            few = chunk.total_uncompressed_size <= INDEX_BYTES * chunk.num_values + DICTIONARY_BYTES
            if chunk.physical_type != "BYTE_ARRAY" or not chunk.has_dictionary_page or not few:
                seldom.add(chunk.path_in_schema)
    return [name for name in columns if name not in seldom]


def _chunks(
    metadata: parquet.FileMetaData, group: int, columns: Sequence[str]
) -> Iterator[parquet.ColumnChunkMetaData]:
    wanted = set(columns)
    described = metadata.row_group(group)
    for at in range(described.num_columns):
        if (chunk := described.column(at)).path_in_schema in wanted:
            yield chunk


def portions(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """The rows of a batch, so many at a time that they hold PORTION_BYTES at most once they are spelt out."""
    most = sum(_longest(column) for column in batch.columns) * batch.num_rows
    if most <= PORTION_BYTES:
        yield batch
        return
    ends = np.cumsum(sum((_sizes(column) for column in batch.columns), np.zeros(batch.num_rows, np.int64)))
    start = 0
    while start < batch.num_rows:
        before = int(ends[start - 1]) if start else 0
        end = max(start + 1, int(np.searchsorted(ends, before + PORTION_BYTES, side="right")))
        yield batch.slice(start, end - start)
        start = end


def spelt_out(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """A batch with the types of its file's schema, where it was read with texts by number."""
    fields = [schema.field(name) for name in batch.schema.names]
    columns = [
        column if column.type == field.type else column.dictionary_decode().cast(field.type)
        for column, field in zip(batch.columns, fields, strict=True)
    ]
    return pa.RecordBatch.from_arrays(columns, [field.name for field in fields])


def _longest(column: pa.Array) -> int:
    """Bytes that no value of a column exceeds."""
    values = column.dictionary if pa.types.is_dictionary(column.type) else column
    lengths = _lengths(values)
    if lengths is None:
        return values.type.byte_width if pa.types.is_fixed_size_binary(values.type) else 0
    return int(pc.max(lengths).as_py() or 0)


def _sizes(column: pa.Array) -> Array:
    """The bytes of each value; 0 of what is a number."""
    values = column.dictionary if pa.types.is_dictionary(column.type) else column
    lengths = _lengths(values)
    if lengths is None:
        return np.full(len(column), _longest(column), np.int64)
    if pa.types.is_dictionary(column.type):
        lengths = lengths.take(column.indices)
    sizes: Array = pc.fill_null(lengths.cast(pa.int64()), 0).to_numpy(zero_copy_only=False)
    return sizes


def _lengths(values: pa.Array) -> pa.Array | None:
    kind = values.type
    if pa.types.is_string_view(kind) or pa.types.is_binary_view(kind):
        return pc.binary_length(values.cast(pa.large_binary() if pa.types.is_binary_view(kind) else pa.large_string()))
    variable = (pa.types.is_string, pa.types.is_large_string, pa.types.is_binary, pa.types.is_large_binary)
    return pc.binary_length(values) if any(is_kind(kind) for is_kind in variable) else None
