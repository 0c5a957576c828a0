"""Owns how many rows are worked on at once: as many as hold few bytes, however a file packs them. Pure.

A text stands in Parquet once, and every row that has it costs a few bits: 1 kB of a file may be 16 GB of rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as parquet

from server.artefact.tensors import Array

PORTION_BYTES = 32 << 20  # that the rows of a portion hold, or it is one row
PROBED_ROWS = 256  # of a file, by which it is told which of its texts return
OFTEN = 2  # times that a text stands there at least, in the mean


def rows_at_once(metadata: parquet.FileMetaData, groups: Sequence[int], most: int) -> int:
    """How many rows of these row groups are to be read at once, by what the file says that they hold."""
    described = [metadata.row_group(group) for group in groups]  # of a column it says more, and may end the process
    size, rows = sum(group.total_byte_size for group in described), sum(group.num_rows for group in described)
    fitting: int = PORTION_BYTES * rows // max(size, 1)
    return min(most, max(1, fitting))


def repeated_texts(file: Path, metadata: parquet.FileMetaData, columns: Sequence[str]) -> list[str]:
    """The columns whose texts return: these are read as numbers of texts, and weighed before they are spelt out.

    (To read so what holds each text once takes five times as long.)
    """
    schema = metadata.schema.to_arrow_schema()
    texts = [name for name in columns if _has_texts(schema.field(name).type)]
    if not texts or not metadata.num_row_groups:
        return []
    rows = rows_at_once(metadata, [0], PROBED_ROWS)
    with parquet.ParquetFile(file, metadata=metadata, pre_buffer=False, read_dictionary=texts) as table:
        batch = next(table.iter_batches(rows, row_groups=[0], columns=texts, use_threads=False), None)
    if batch is None:
        return []
    return [name for name in texts if OFTEN * len(batch.column(name).dictionary) <= batch.num_rows]


def _has_texts(kind: pa.DataType) -> bool:
    kinds = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view, pa.types.is_binary)
    return any(is_kind(kind) for is_kind in kinds)


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
