"""Whole scorings: files and folders, on after an interruption with every row once, nothing half-written."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

pa = pytest.importorskip("pyarrow", reason="scoring needs pyarrow: make test-scale")
arrow_csv = pytest.importorskip("pyarrow.csv", reason="scoring needs pyarrow: make test-scale")
parquet = pytest.importorskip("pyarrow.parquet", reason="scoring needs pyarrow: make test-scale")

from score import job as jobs  # noqa: E402
from score.errors import Refused  # noqa: E402
from score.job import Summary, run  # noqa: E402
from score.reading import source  # noqa: E402
from score.scorer import Scorer  # noqa: E402
from score.state import STATE  # noqa: E402
from score.wanted import Job  # noqa: E402
from tests.score.tables import MODELS, example, rows_like_golden  # noqa: E402
from tests.score.test_scorer import batch_of  # noqa: E402

ROWS = 5000
BAD = (17, 3000, 4999)  # numbers of rows that are refused


class Killed(BaseException):
    """What an interruption looks like from within."""


def rows() -> list[dict[str, Any]]:
    table = rows_like_golden(example("churn"), ROWS)
    for number in BAD:
        table[number - 1]["monthly charge"] = float("inf")
    return table


def inputs(folder: Path, count: int = 1) -> Path:
    """Files of ROWS rows, 1,000 a row group."""
    folder.mkdir()
    for number in range(count):
        table = pa.Table.from_batches([batch_of(example("churn"), rows())])
        parquet.write_table(table, folder / f"part{number}.parquet", row_group_size=1000)
    return folder


def job_of(place: Path, out: Path, **changes: Any) -> Job:
    job = Job(str(place), out, MODELS, "churn", None, ("id",), False, 1500, 1, False)
    return replace(job, **changes)


def quiet(*_: Any) -> None:
    pass


def answered(out: Path) -> list[Any]:
    return [row for file in sorted(out.glob("*.parquet")) for row in parquet.read_table(file).to_pylist()]


def direct() -> list[Any]:
    scored = Scorer(example("churn"), ["id"], texts=False, probabilities=False).score(
        batch_of(example("churn"), rows())
    )
    answers: list[Any] = scored.answers.to_pylist()
    return answers


def test_a_file_is_scored_into_a_file_and_refused_rows_beside_it(tmp_path: Path) -> None:
    place = inputs(tmp_path / "in")
    told: list[float] = []
    summary = run(job_of(place, tmp_path / "out.parquet"), lambda _, share, *rest: told.append(share))
    assert summary == Summary("churn 1", ROWS - len(BAD), len(BAD), 0, ())
    assert parquet.read_table(tmp_path / "out.parquet").to_pylist() == direct()
    refused = arrow_csv.read_csv(tmp_path / "out.refused.csv").to_pydict()
    assert refused["row"] == list(BAD)
    assert refused["id"] == [number - 1 for number in BAD]
    assert told == sorted(told)
    assert told[-1] == 1.0
    assert {file.name for file in tmp_path.iterdir()} == {"in", "out.parquet", "out.refused.csv"}
    with pytest.raises(Refused, match="exists; --replace"):
        run(job_of(place, tmp_path / "out.parquet"), quiet)


def test_csv_in_and_csv_out(tmp_path: Path) -> None:
    table = pa.Table.from_batches([batch_of(example("churn"), rows())])
    arrow_csv.write_csv(table, tmp_path / "in.csv")
    with (tmp_path / "in.csv").open("a") as stream:
        stream.write("1,2\n")
    summary = run(job_of(tmp_path / "in.csv", tmp_path / "out.csv"), quiet)
    assert (summary.rows, summary.refused) == (ROWS - len(BAD), len(BAD) + 1)
    got = arrow_csv.read_csv(tmp_path / "out.csv").to_pylist()
    assert got == direct()
    refused = arrow_csv.read_csv(tmp_path / "out.refused.csv").to_pydict()
    assert refused["row"] == [*BAD, ROWS + 1]
    assert refused["reason"][-1] == "expected 7 cells, got 2"


def test_what_is_not_read_is_said(tmp_path: Path) -> None:
    place = inputs(tmp_path / "in")
    summary = run(job_of(place, tmp_path / "out.parquet", keys=()), quiet)
    assert summary.unread == ("id",)
    assert "not read: 'id'" in list(summary.lines(1.0))


@pytest.mark.parametrize("kills", [1, 2, 5])
def test_after_an_interruption_every_row_is_scored_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kills: int
) -> None:
    monkeypatch.setattr(source, "BATCH_ROWS", 400)
    place, out = inputs(tmp_path / "in", 2), tmp_path / "out"
    job = job_of(place, out)
    written = [0]

    def interrupt(_: str, share: float, rows: int, refused: int) -> None:
        written[0] += 1
        if written[0] % 8 == 0 and written[0] // 8 <= kills:
            raise Killed

    for _ in range(kills):
        with pytest.raises(Killed):
            run(job, interrupt)
        assert not list(out.glob("*.unfinished")), "nothing is left half-written"
    summary = run(job, quiet)
    assert (summary.rows, summary.refused) == (2 * (ROWS - len(BAD)), 2 * len(BAD))
    assert answered(out) == direct() + direct()
    assert summary.resumed > 0
    refused = [row for file in sorted(out.glob("*.refused.csv")) for row in arrow_csv.read_csv(file)["row"].to_pylist()]
    assert refused == [*BAD, *BAD]
    again = run(job, quiet)
    assert again.resumed == 2 * ROWS


def test_another_job_does_not_go_on_in_the_same_folder(tmp_path: Path) -> None:
    place, out = inputs(tmp_path / "in"), tmp_path / "out"
    run(job_of(place, out), quiet)
    with pytest.raises(Refused, match=r"parts of another job \(keys, probabilities\)"):
        run(job_of(place, out, keys=(), probabilities=True), quiet)
    (out / STATE).write_bytes(b"{}")
    with pytest.raises(Refused, match="damaged"):
        run(job_of(place, out), quiet)
    run(job_of(place, out, replace=True), quiet)
    assert orjson.loads((out / STATE).read_bytes())["finished"] == [str(place / "part0.parquet")]
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    with pytest.raises(Refused, match="not empty"):
        run(job_of(place, tmp_path / "full"), quiet)


def test_a_table_that_does_not_fit_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    place = inputs(tmp_path / "in")
    parquet.write_table(pa.table({"id": [1]}), place / "wrong.parquet")
    with pytest.raises(Refused, match=r"wrong\.parquet: the table lacks 'tenure months'"):
        run(job_of(place, tmp_path / "out"), quiet)
    assert not (tmp_path / "out").exists()
    with pytest.raises(Refused, match="lacks the key 'name'"):
        run(job_of(place / "part0.parquet", tmp_path / "out", keys=("name",)), quiet)


def test_a_table_without_rows_gives_one_without_rows(tmp_path: Path) -> None:
    table = pa.Table.from_batches([batch_of(example("churn"), rows()[:1])])
    parquet.write_table(table.slice(0, 0), tmp_path / "in.parquet")
    summary = run(job_of(tmp_path / "in.parquet", tmp_path / "out.parquet"), quiet)
    assert summary.rows == 0
    assert parquet.read_table(tmp_path / "out.parquet").column_names == ["id", "prediction", "probability"]


def test_files_of_one_name_are_not_mixed(tmp_path: Path) -> None:
    inputs(tmp_path / "in")
    inputs(tmp_path / "in" / "more")
    with pytest.raises(Refused, match="two of the files have one name"):
        jobs.run(job_of(tmp_path / "in", tmp_path / "out"), quiet)


def test_a_key_that_is_another_type_in_another_file_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    place = inputs(tmp_path / "in", 2)
    table = parquet.read_table(place / "part1.parquet")
    texts = table.set_column(table.schema.get_field_index("id"), "id", table.column("id").cast(pa.string()))
    parquet.write_table(texts, place / "part1.parquet")
    with pytest.raises(Refused, match=r"the key 'id' is int64 in .*part0.parquet and string in .*part1.parquet"):
        run(job_of(place, tmp_path / "out" / "t.parquet"), quiet)
    assert not (tmp_path / "out").exists()


def test_a_key_of_lists_is_refused(tmp_path: Path) -> None:
    place = inputs(tmp_path / "in")
    table = parquet.read_table(place / "part0.parquet")
    lists = pa.array([[number] for number in table.column("id").to_pylist()])
    parquet.write_table(table.set_column(table.schema.get_field_index("id"), "id", lists), place / "part0.parquet")
    with pytest.raises(Refused, match="a key is one value in each row"):
        run(job_of(place, tmp_path / "out.parquet"), quiet)


def test_rows_that_take_too_much_memory_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def without_memory(*_: Any, **__: Any) -> None:
        raise pa.ArrowMemoryError("malloc of size 1900000000 failed")

    place = inputs(tmp_path / "in")
    monkeypatch.setattr(parquet.ParquetFile, "iter_batches", without_memory)
    with pytest.raises(Refused, match="take more than the 3 GB"):
        run(job_of(place, tmp_path / "out.parquet"), quiet)
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_a_file_is_not_cut_into_parts_without_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "MAX_PARTS", 4)
    with pytest.raises(Refused, match="5,000 rows are more than 4 parts"):
        run(job_of(inputs(tmp_path / "in"), tmp_path / "out", part_rows=1000), quiet)
