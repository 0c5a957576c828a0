"""Results: read back what was written, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.errors import BenchError
from bench.record import results
from bench.record.results import Knee
from tests.support.bench.runs import FIGURES, a_micro_run, a_run, steady_run


def test_results_read_back_what_was_written(tmp_path: Path) -> None:
    run = steady_run(FIGURES)
    run.knees.append(Knee("dynonnx", 1000, 2000, "p99 55 ms"))
    run.write(tmp_path)
    assert results.read(tmp_path) == run
    assert [file.name for file in tmp_path.iterdir()] == ["results.json"]


@pytest.mark.parametrize(("text", "why"), [("{", "not JSON"), ("{}", "format 2"), ("[]", "format 2")])
def test_what_are_no_results_is_named(tmp_path: Path, text: str, why: str) -> None:
    (tmp_path / "results.json").write_text(text, "utf-8")
    with pytest.raises(BenchError, match=why):
        results.read(tmp_path)


def test_runs_of_the_same_second_have_folders_of_their_own(tmp_path: Path) -> None:
    assert len({results.new_folder(tmp_path / "new") for _ in range(5)}) == 5


def test_missing_results_are_named(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"no results at .*nowhere: `python -m bench run` leaves them in"):
        results.read(tmp_path / "nowhere")


def test_every_kind_of_entry_reads_back(tmp_path: Path) -> None:
    for number, run in enumerate((a_run(), a_micro_run())):
        folder = tmp_path / str(number)
        folder.mkdir()
        run.write(folder)
        assert results.read(folder) == run


def test_a_file_that_is_not_whole_is_named(tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text('{"format": 2, "turns": [7]}', "utf-8")
    with pytest.raises(BenchError, match="not whole"):
        results.read(tmp_path)
