"""The picture of rates: one file that a browser shows, also of a run that measured little."""

from __future__ import annotations

from pathlib import Path

from bench.report import rates
from tests.support.bench.runs import a_micro_run, steady_run

PNG = b"\x89PNG\r\n\x1a\n"


def test_a_picture_is_drawn_of_all_models(tmp_path: Path) -> None:
    file = rates.write(a_micro_run(), tmp_path)
    assert file == tmp_path / "rates.png"
    assert file.read_bytes().startswith(PNG)


def test_a_run_without_closed_loops_has_an_empty_picture(tmp_path: Path) -> None:
    assert rates.write(steady_run(), tmp_path).read_bytes().startswith(PNG)
