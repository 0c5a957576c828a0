"""Python and its packages are read; the folders beside them, which may hold anything, are not."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from server.confinement import interpreter
from server.confinement.interpreter import ROOT, paths_it_reads


def covers(paths: list[Path], path: Path) -> bool:
    return any(path.resolve().is_relative_to(granted.resolve()) for granted in paths)


def test_packages_are_read_and_nothing_beside_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["", str(ROOT), *sys.path])
    paths = paths_it_reads()
    assert covers(paths, Path(np.__file__))
    assert covers(paths, Path(pytest.__file__))
    assert covers(paths, ROOT / "server" / "errors.py")
    assert not covers(paths, ROOT / ".env")
    assert not covers(paths, ROOT / "models" / "m.onnx")
    assert not covers(paths, tmp_path / "secret")
    assert not covers(paths, Path.home() / ".ssh")


def test_where_our_packages_are_installed_the_others_beside_them_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the command is typed in that folder."""
    folder = tmp_path / "site-packages"
    folder.mkdir()
    monkeypatch.setattr(interpreter, "ROOT", folder)
    monkeypatch.setattr(sys, "path", [str(folder), *sys.path])
    monkeypatch.chdir(folder)
    assert covers(paths_it_reads(), folder / "joblib" / "__init__.py")
