"""Where files go, and that they appear whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from convert.cli import writer
from convert.errors import Refused


def test_versions_count_up(tmp_path: Path) -> None:
    assert writer.destination(tmp_path, "m", None, replace=False) == tmp_path / "m/1/model.onnx"
    for version in ("2", "10", "1.9"):
        writer.write(tmp_path / "m" / version / "model.onnx", b"x")
    assert writer.destination(tmp_path, "m", None, replace=False) == tmp_path / "m/11/model.onnx"


def test_a_version_is_replaced_only_when_asked(tmp_path: Path) -> None:
    writer.write(tmp_path / "m/1/model.onnx", b"old")
    with pytest.raises(Refused, match="is there already"):
        writer.destination(tmp_path, "m", "1", replace=False)
    writer.write(writer.destination(tmp_path, "m", "1", replace=True), b"new")
    assert (tmp_path / "m/1/model.onnx").read_bytes() == b"new"


def test_a_path_ending_in_onnx_is_that_file(tmp_path: Path) -> None:
    assert writer.destination(tmp_path / "a.onnx", "m", "3", replace=False) == tmp_path / "a.onnx"


def test_nothing_is_left_when_writing_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(Refused, match="No space left"):
        writer.write(tmp_path / "m.onnx", b"x")
    assert list(tmp_path.iterdir()) == []
