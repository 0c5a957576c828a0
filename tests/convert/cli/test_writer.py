"""Where files go, and that they appear whole."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from convert.cli import writer
from convert.errors import Refused


def test_versions_count_up(tmp_path: Path) -> None:
    assert writer.destination(tmp_path, "m", None, replace=False) == tmp_path / "m/1/model.onnx"
    for version in ("2", "10", "1.9"):
        writer.write(tmp_path / "m" / version / "model.onnx", b"x", replace=False)
    assert writer.destination(tmp_path, "m", None, replace=False) == tmp_path / "m/11/model.onnx"


def test_a_version_is_replaced_only_when_asked(tmp_path: Path) -> None:
    writer.write(tmp_path / "m/1/model.onnx", b"old", replace=False)
    with pytest.raises(Refused, match="is there already"):
        writer.destination(tmp_path, "m", "1", replace=False)
    writer.write(writer.destination(tmp_path, "m", "1", replace=True), b"new", replace=True)
    assert (tmp_path / "m/1/model.onnx").read_bytes() == b"new"


def test_a_path_ending_in_onnx_is_that_file(tmp_path: Path) -> None:
    assert writer.destination(tmp_path / "a.onnx", "m", "3", replace=False) == tmp_path / "a.onnx"


def test_nothing_is_left_when_writing_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(Refused, match="No space left"):
        writer.write(tmp_path / "m.onnx", b"x", replace=False)
    assert list(tmp_path.iterdir()) == []


def test_of_two_that_write_the_same_version_the_second_is_refused(tmp_path: Path) -> None:
    path = writer.destination(tmp_path, "m", None, replace=False)
    assert writer.destination(tmp_path, "m", None, replace=False) == path
    writer.write(path, b"first", replace=False)
    with pytest.raises(Refused, match="is there already"):
        writer.write(path, b"second", replace=False)
    assert (path.read_bytes(), path.stat().st_nlink) == (b"first", 1)
    assert list(path.parent.iterdir()) == [path]


def test_a_disk_without_links_takes_a_file_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(path: Path, target: Path) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(Path, "hardlink_to", no_links)
    writer.write(tmp_path / "m.onnx", b"x", replace=False)
    assert [path.name for path in tmp_path.iterdir()] == ["m.onnx"]


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_a_file_has_the_rights_that_the_umask_leaves(tmp_path: Path, umask: int, mode: int) -> None:
    before = os.umask(umask)
    try:
        writer.write(tmp_path / "m.onnx", b"x", replace=False)
        writer.write(tmp_path / "m.onnx", b"x", replace=True)
    finally:
        os.umask(before)
    assert (tmp_path / "m.onnx").stat().st_mode & 0o777 == mode
