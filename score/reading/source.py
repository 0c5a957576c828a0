"""Owns the tables that are read: which files, and their rows a batch at a time, in constant memory. Knows no model."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Container, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.csv as arrow_csv
import pyarrow.parquet as parquet

from score.errors import Refused
from score.reading.portions import portions, repeated_texts, rows_at_once, spelt_out
from score.wanted import SUFFIXES
from server.artefact.tensors import Array

BATCH_ROWS = 16_384
CSV_BLOCK_BYTES = 1 << 20
MAX_HEADER_BYTES = 1 << 20


class Piece(NamedTuple):
    """Some rows of a file. ``numbers``: of each, from 1; ``share``: of the file that is read with them, up to 1.

    ``misshapen``: the numbers of rows of CSV with too many or too few cells, and what is wrong with them.
    """

    numbers: Array
    batch: pa.RecordBatch
    share: float
    misshapen: Sequence[tuple[int, str]] = ()

    def up_to(self, number: int) -> tuple[Piece, Piece]:
        """The rows up to a number, and those behind it."""
        at = int(np.searchsorted(self.numbers, number, side="right"))
        before = [(row, reason) for row, reason in self.misshapen if row <= number]
        behind = [(row, reason) for row, reason in self.misshapen if row > number]
        return (
            Piece(self.numbers[:at], self.batch.slice(0, at), self.share, before),
            Piece(self.numbers[at:], self.batch.slice(at), self.share, behind),
        )


def find(pattern: str) -> list[Path]:
    """The files of a path, a folder or a glob, in the order of their names. Raises Refused."""
    path = Path(pattern)
    if path.is_file():
        found = [path]
    elif path.is_dir():
        found = sorted(file for file in path.rglob("*") if file.suffix in SUFFIXES and file.is_file())
    else:
        root = Path(path.anchor) if path.is_absolute() else Path()
        relative = str(path.relative_to(path.anchor)) if path.is_absolute() else pattern
        found = sorted(file for file in root.glob(relative) if file.is_file())
    if not found:
        raise Refused(f"{pattern}: there is no file ending in {' or '.join(SUFFIXES)}")
    kinds = {file.suffix for file in found}
    if len(kinds) > 1 or not kinds <= set(SUFFIXES):
        raise Refused(
            f"{pattern}: expected files that all end in .parquet, or all in .csv; got {', '.join(sorted(kinds))}"
        )
    return found


def schema_of(file: Path) -> pa.Schema:
    """The columns of a file. Raises Refused."""
    try:
        if file.suffix == ".parquet":
            return parquet.read_schema(file)
        return pa.schema([(name, pa.string()) for name in _header(file)])
    except (pa.ArrowException, OSError, ValueError, csv.Error) as error:
        raise Refused(f"{file}: {error}") from None


def count_rows(file: Path) -> int | None:
    """The rows of a file; None of CSV, which tells only once it is read. Raises Refused."""
    try:
        return int(parquet.read_metadata(file).num_rows) if file.suffix == ".parquet" else None
    except (pa.ArrowException, OSError) as error:
        raise Refused(f"{file}: {error}") from None


def _header(file: Path) -> list[str]:
    with file.open("rb") as stream:
        start = stream.read(MAX_HEADER_BYTES).decode("utf-8-sig", "ignore")
    return next(csv.reader(io.StringIO(start, newline="")), [])


def read(file: Path, columns: Sequence[str], skip: int) -> Iterator[Piece]:
    """The rows of a file behind the first ``skip``. Raises Refused."""
    pieces = _read_parquet if file.suffix == ".parquet" else _read_csv
    try:
        yield from pieces(file, columns, skip)
    except MemoryError:
        raise
    except (pa.ArrowException, OSError) as error:
        raise Refused(f"{file}: {error}") from None


def _read_parquet(file: Path, columns: Sequence[str], skip: int) -> Iterator[Piece]:
    """Where a piece begins depends on the file alone: behind ``skip`` come the pieces that others get too."""
    described = parquet.read_metadata(file)
    schema = described.schema.to_arrow_schema()
    texts = repeated_texts(file, described, columns)
    with parquet.ParquetFile(file, metadata=described, pre_buffer=False, read_dictionary=texts) as table:
        rows, before = max(described.num_rows, 1), 0
        for groups, size in _bundles([described.row_group(at).num_rows for at in range(described.num_row_groups)]):
            if before + size <= skip:
                before += size
                continue
            at_once = rows_at_once(described, groups, BATCH_ROWS)
            for batch in table.iter_batches(at_once, row_groups=groups, columns=list(columns), use_threads=False):
                for portion in portions(batch.select(columns)):
                    numbers = np.arange(before + 1, before + portion.num_rows + 1)
                    before += portion.num_rows
                    for piece in _behind(skip, Piece(numbers, portion, before / rows)):
                        yield piece._replace(batch=spelt_out(piece.batch, schema))


def _bundles(sizes: Sequence[int]) -> Iterator[tuple[list[int], int]]:
    """Row groups that are read at once, and their rows: a large one by itself, small ones together."""
    bundle: list[int] = []
    rows = 0
    for group, size in enumerate(sizes):
        bundle.append(group)
        rows += size
        if rows >= BATCH_ROWS or group == len(sizes) - 1:
            yield bundle, rows
            bundle, rows = [], 0


def _read_csv(file: Path, columns: Sequence[str], skip: int) -> Iterator[Piece]:
    misshapen: dict[int, str] = {}

    def note(row: arrow_csv.InvalidRow) -> str:
        misshapen[row.number - 1] = f"expected {row.expected_columns} cells, got {row.actual_columns}"
        return "skip"

    before = 0
    with file.open("rb") as stream:
        for batch in _csv_batches(stream, columns, note):
            numbers = _numbers(before, batch.num_rows, misshapen)
            share = min(stream.tell() / file.stat().st_size, 1.0)
            before = int(numbers[-1]) if len(numbers) else before
            while before + 1 in misshapen:  # a whole file may be of such
                before += 1
            passed = [(number, misshapen.pop(number)) for number in sorted(misshapen) if number <= before]
            yield from _behind(skip, Piece(numbers, batch, share, passed))
        rest = sorted(misshapen.items())
        yield from _behind(skip, Piece(np.arange(0), _no_texts(columns), 1.0, rest))


def _csv_batches(stream: BinaryIO, columns: Sequence[str], note: Callable[[Any], str]) -> Iterator[pa.RecordBatch]:
    yield from arrow_csv.open_csv(
        stream,
        arrow_csv.ReadOptions(use_threads=False, block_size=CSV_BLOCK_BYTES),
        arrow_csv.ParseOptions(newlines_in_values=True, invalid_row_handler=note),
        arrow_csv.ConvertOptions(
            include_columns=list(columns),
            column_types=dict.fromkeys(columns, pa.string()),
            strings_can_be_null=False,
        ),
    )


def _numbers(before: int, count: int, misshapen: Container[int]) -> Array:
    """The numbers of the ``count`` rows behind number ``before``, without those that are none."""
    numbers: list[int] = []
    while len(numbers) < count:
        before += 1
        if before not in misshapen:
            numbers.append(before)
    return np.array(numbers, np.int64)


def _no_texts(columns: Sequence[str]) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist([], pa.schema([(name, pa.string()) for name in columns]))


def _behind(skip: int, piece: Piece) -> Iterator[Piece]:
    """What of a piece has numbers above ``skip``."""
    whole = piece.up_to(skip)[1]
    if len(whole.numbers) or whole.misshapen:
        yield whole
