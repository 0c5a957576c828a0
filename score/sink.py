"""Owns the files that are written: each appears whole or not at all, its refused rows beside it. Knows no model."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Self

import pyarrow as pa
import pyarrow.csv as arrow_csv
import pyarrow.parquet as parquet

UNFINISHED = ".unfinished"
GROUP_ROWS = 131_072  # of a row group of Parquet: readers skip whole ones
GROUP_BYTES = 64 << 20  # of long keys or many columns, in fewer rows: they wait in memory


class TableFile:
    """One table that is being written, Parquet or CSV by its name; `finish` puts it in its place.

    ``attempt``: a part of its name until then, where several processes may be at it.
    """

    def __init__(self, path: Path, schema: pa.Schema, attempt: str = "") -> None:
        self._path = path
        self._unfinished = path.with_name(path.name + attempt + UNFINISHED)
        self._file = self._unfinished.open("wb")
        make: Any = parquet.ParquetWriter if path.suffix == ".parquet" else arrow_csv.CSVWriter
        self._writer = make(self._file, schema)
        self._waiting: list[pa.RecordBatch] = []  # rows of the group to come
        self._rows = self._bytes = 0  # of them

    def write(self, batch: pa.RecordBatch) -> None:
        """Adds rows."""
        self._waiting.append(batch)
        self._rows += batch.num_rows
        self._bytes += batch.nbytes
        if self._rows >= GROUP_ROWS or self._bytes >= GROUP_BYTES:
            self._write_group()

    def _write_group(self) -> None:
        if self._waiting:
            self._writer.write_table(pa.Table.from_batches(self._waiting))
            self._waiting = []
            self._rows = self._bytes = 0

    def finish(self) -> None:
        """Ends the table on the disk, under its name."""
        self._write_group()
        self._writer.close()
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        self._unfinished.replace(self._path)

    def discard(self) -> None:
        """Leaves nothing of it."""
        self._unfinished.unlink(missing_ok=True)
        self._writer.close()
        self._file.close()


class Part:
    """The answers of some rows, and the file of those refused, which is there only if there are any.

    ``attempt``: as of `TableFile`.
    """

    def __init__(self, path: Path, attempt: str = "") -> None:
        self._path = path
        self._attempt = attempt
        self._answers: TableFile | None = None
        self._refused: TableFile | None = None
        self.rows = 0
        self.refused = 0

    def write(self, answers: pa.RecordBatch, refused: pa.RecordBatch) -> None:
        """Adds answers and refusals."""
        if self._answers is None:
            self._answers = TableFile(self._path, answers.schema, self._attempt)
        if answers.num_rows:
            self._answers.write(answers)
        if refused.num_rows:
            if self._refused is None:
                self._refused = TableFile(refused_path(self._path), refused.schema, self._attempt)
            self._refused.write(refused)
        self.rows += answers.num_rows
        self.refused += refused.num_rows

    def finish(self) -> None:
        """Puts the files in their places, the answers last."""
        if self._refused is not None:
            self._refused.finish()
        else:
            refused_path(self._path).unlink(missing_ok=True)
        if self._answers is not None:
            self._answers.finish()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            for table in (self._answers, self._refused):
                if table is not None:
                    table.discard()


def refused_path(path: Path) -> Path:
    """Where the refused rows of a table are written."""
    return path.with_name(f"{path.stem}.refused.csv")
