"""Rows are read so many at a time that they hold few bytes, whatever a file packs into how little."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pa = pytest.importorskip("pyarrow", reason="scoring needs pyarrow: make test-scale")
parquet = pytest.importorskip("pyarrow.parquet", reason="scoring needs pyarrow: make test-scale")

from score.reading import portions, source  # noqa: E402
from score.sink import TableFile  # noqa: E402

LONG = "x" * 100_000
ROWS = 1000


def packed(path: Path, column: Any, **options: Any) -> Path:
    """A file with a column in which a long text stands in every row but the tenth ones, beside each row's number."""
    table = pa.table({"x": list(range(1, len(column) + 1)), "y": column})
    parquet.write_table(table, path, compression="zstd", write_statistics=False, **options)
    return path


def repeated(kind: Any = None) -> Any:
    return pa.array([None if row % 10 == 0 else LONG for row in range(1, ROWS + 1)], kind or pa.string())


@pytest.mark.parametrize("dictionary", [True, False])
@pytest.mark.parametrize("skip", [0, 777])
def test_a_text_in_every_row_is_spelt_out_for_few_rows_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dictionary: bool, skip: int
) -> None:
    monkeypatch.setattr(portions, "PORTION_BYTES", 1 << 20)
    file = packed(tmp_path / "t.parquet", repeated(), use_dictionary=dictionary)
    assert file.stat().st_size < 100_000
    pieces = list(source.read(file, ["y", "x"], skip))
    assert max(piece.batch.nbytes for piece in pieces) <= (1 << 20) + 16 * ROWS
    assert len(pieces) < 200
    numbers = [number for piece in pieces for number in piece.numbers.tolist()]
    assert (
        numbers
        == [x for piece in pieces for x in piece.batch.column("x").to_pylist()]
        == list(range(skip + 1, ROWS + 1))
    )
    texts = [text for piece in pieces for text in piece.batch.column("y").to_pylist()]
    assert texts == repeated().to_pylist()[skip:]


@pytest.mark.parametrize(
    "kind",
    [pa.large_string(), pa.string_view(), pa.binary(), pa.dictionary(pa.int32(), pa.string())],
    ids=str,
)
def test_a_column_comes_in_the_type_of_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: Any) -> None:
    monkeypatch.setattr(portions, "PORTION_BYTES", 1 << 20)
    file = packed(tmp_path / "t.parquet", repeated().cast(kind))
    pieces = list(source.read(file, ["y"], 0))
    assert {piece.batch.column("y").type for piece in pieces} == {source.schema_of(file).field("y").type}
    assert [text for piece in pieces for text in piece.batch.column("y").to_pylist()] == repeated(kind).to_pylist()


def test_a_text_longer_than_a_portion_is_one_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(portions, "PORTION_BYTES", 10)
    batch = pa.RecordBatch.from_pydict({"y": ["a" * 11, "b" * 9, "c", "d", None, "e" * 30, "f"]})
    assert [portion.num_rows for portion in portions.portions(batch)] == [1, 2, 2, 1, 1]


def test_texts_that_stand_once_are_not_looked_up(tmp_path: Path) -> None:
    often = packed(tmp_path / "often.parquet", pa.array(["a", "b"] * 50_000))
    once = packed(tmp_path / "once.parquet", pa.array([f"{row:040}" for row in range(100_000)]))
    assert portions.repeated_texts(often, parquet.read_metadata(often), ["x", "y"]) == ["y"]
    assert portions.repeated_texts(once, parquet.read_metadata(once), ["x", "y"]) == []


def test_rows_with_long_keys_do_not_wait_for_a_whole_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("score.sink.GROUP_BYTES", 1 << 20)
    batch = pa.RecordBatch.from_pydict({"y": [LONG] * 6})
    table = TableFile(tmp_path / "t.parquet", batch.schema)
    for _ in range(5):
        table.write(batch)
    table.finish()
    assert [parquet.read_metadata(tmp_path / "t.parquet").row_group(at).num_rows for at in (0, 1, 2)] == [12, 12, 6]
