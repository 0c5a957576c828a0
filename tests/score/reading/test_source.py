"""Tables are read in constant pieces, each row with its number, from any place on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pa = pytest.importorskip("pyarrow", reason="scoring needs pyarrow: make test-scale")
parquet = pytest.importorskip("pyarrow.parquet", reason="scoring needs pyarrow: make test-scale")

from score.errors import Refused  # noqa: E402
from score.reading import source  # noqa: E402


def write_parquet(path: Path, rows: int, group: int) -> Path:
    parquet.write_table(pa.table({"x": list(range(1, rows + 1)), "y": ["t"] * rows}), path, row_group_size=group)
    return path


def rows_of(file: Path, skip: int = 0) -> tuple[list[tuple[int, Any]], list[tuple[int, str]]]:
    """Each row's number and x, and the misshapen rows."""
    pieces = list(source.read(file, ["x", "y"], skip))
    assert all(piece.share <= 1.0 for piece in pieces)
    rows = [
        (number, x)
        for piece in pieces
        for number, x in zip(piece.numbers.tolist(), piece.batch.column("x").to_pylist(), strict=True)
    ]
    return rows, [note for piece in pieces for note in piece.misshapen]


@pytest.mark.parametrize("skip", [0, 1, 999, 1000, 1001, 2500, 39_999, 40_000])
def test_rows_of_parquet_are_numbered_from_any_place_on(tmp_path: Path, skip: int) -> None:
    file = write_parquet(tmp_path / "t.parquet", 40_000, 1000)
    rows, _ = rows_of(file, skip)
    assert rows == [(number, number) for number in range(skip + 1, 40_001)]


@pytest.mark.parametrize("skip", [0, 1, 4, 5, 6, 7, 49_999])
def test_rows_of_csv_keep_their_numbers_past_misshapen_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, skip: int
) -> None:
    monkeypatch.setattr(source, "CSV_BLOCK_BYTES", 4096)
    lines = {number: f"{number},t" for number in range(1, 50_001)}
    lines[5], lines[6], lines[30_000], lines[50_000] = "5", "6,t,more", "", '30000,"a\nb"'
    del lines[30_000]  # what is empty is no row
    wrong = {5, 6, 50_001}
    text = "\ufeffx,y\r\n" + "\r\n".join(lines.values()) + "\r\n\r\nlast\r\n"
    (tmp_path / "t.csv").write_bytes(text.encode())
    rows, misshapen = rows_of(tmp_path / "t.csv", skip)
    whole = [x for number, x in sorted(lines.items()) if number not in wrong]
    numbers = [number for number in range(1, 50_001) if number not in wrong][: len(whole)]
    expected = [(n, str(30000 if n == 49_999 else n if n < 30_000 else n + 1)) for n in numbers]
    assert rows == [row for row in expected if row[0] > skip]
    assert misshapen == [
        note
        for note in [
            (5, "expected 2 cells, got 1"),
            (6, "expected 2 cells, got 3"),
            (50_000, "expected 2 cells, got 1"),
        ]
        if note[0] > skip
    ]


def test_a_piece_is_cut_at_a_number(tmp_path: Path) -> None:
    (piece,) = source.read(write_parquet(tmp_path / "t.parquet", 10, 10), ["x"], 0)
    before, behind = piece.up_to(7)
    assert (before.batch.num_rows, behind.batch.num_rows) == (7, 3)
    assert behind.numbers.tolist() == [8, 9, 10]


def test_files_are_found_by_path_folder_and_pattern(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name in ("b", "a"):
        write_parquet(tmp_path / "in" / f"{name}.parquet", 1, 1)
    a, b = tmp_path / "in" / "a.parquet", tmp_path / "in" / "b.parquet"
    assert source.find(str(a)) == [a]
    assert source.find(str(tmp_path)) == [a, b]
    assert source.find(str(tmp_path / "in" / "*.parquet")) == [a, b]
    with pytest.raises(Refused, match="there is no file"):
        source.find(str(tmp_path / "c*.csv"))
    (tmp_path / "in" / "c.csv").write_text("x\n1\n")
    with pytest.raises(Refused, match=r"all end in \.parquet, or all in \.csv"):
        source.find(str(tmp_path))


def test_what_is_no_table_is_refused(tmp_path: Path) -> None:
    (tmp_path / "t.parquet").write_bytes(b"no table")
    with pytest.raises(Refused, match=r"t\.parquet"):
        source.schema_of(tmp_path / "t.parquet")
    (tmp_path / "t.csv").write_bytes(b"x,y\n\xff,1\n")
    with pytest.raises(Refused, match=r"t\.csv"):
        list(source.read(tmp_path / "t.csv", ["x", "y"], 0))
    (tmp_path / "long.csv").write_text("x" * 200_000 + ",y\n1,2\n")
    with pytest.raises(Refused, match="field larger than field limit"):
        source.schema_of(tmp_path / "long.csv")
    with pytest.raises(Refused, match="nothing"):
        source.schema_of(tmp_path / "nothing.csv")


def test_the_columns_of_csv_are_those_of_its_header(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text('\ufeff"a,b",c\n1,2\n')
    assert source.schema_of(tmp_path / "t.csv").names == ["a,b", "c"]


def test_rows_of_csv_that_are_none_do_not_wait_for_one_that_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "CSV_BLOCK_BYTES", 4096)
    (tmp_path / "t.csv").write_text("x,y\n1,t\n" + "1\n" * 20_000)
    pieces = list(source.read(tmp_path / "t.csv", ["x", "y"], 0))
    assert max(len(piece.misshapen) for piece in pieces) <= 3 * 4096 // 2
    assert [row for piece in pieces for row, _ in piece.misshapen] == list(range(2, 20_002))
