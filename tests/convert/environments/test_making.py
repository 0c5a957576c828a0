"""Environments: made once and whole by uv, of wheels alone; what is missing is named with the command that helps."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

from convert.environments import making
from convert.environments.interpreters import python_of
from convert.environments.making import CannotMake, environment_with, find_uv

UV = """#!/bin/sh
echo "$@" >> {log}
if [ "$1" = venv ]; then
    for folder; do :; done
    mkdir -p "$folder/bin" && ln -s /bin/true "$folder/bin/python"
else
    {install}
fi
"""


@pytest.fixture
def uv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A uv that notes what it is asked, and makes a folder; the log's path."""
    _write(tmp_path, monkeypatch, "true")
    monkeypatch.setattr(making, "find_python", lambda minor: Path(sys.executable) if minor == "3.9" else None)
    return tmp_path / "log"


def _write(folder: Path, monkeypatch: pytest.MonkeyPatch, install: str) -> None:
    program = folder / "uv"
    program.write_text(UV.format(log=folder / "log", install=install))
    program.chmod(0o755)
    monkeypatch.setattr(making, "find_uv", lambda: str(program))


def test_it_is_made_once_of_exact_wheels(uv: Path, tmp_path: Path) -> None:
    told: list[str] = []
    made = environment_with("1.0.2", tmp_path / "kept", lambda text, _: told.append(text))
    assert made == python_of(tmp_path / "kept" / "scikit-learn-1.0.2-python-3.9")
    assert made.exists()
    created, installed = uv.read_text().splitlines()
    assert created.startswith(f"venv --quiet --no-project --relocatable --python {sys.executable} ")
    assert "--only-binary :all: " in installed
    assert "scikit-learn==1.0.2 numpy==1.23.5 " in installed
    assert told == ["making an environment with scikit-learn 1.0.2 and Python 3.9, once"]
    assert environment_with("1.0.2", tmp_path / "kept", lambda *_: None) == made
    assert len(uv.read_text().splitlines()) == 2
    assert [path.name for path in (tmp_path / "kept").iterdir()] == [made.parents[1].name]


def test_libraries_are_installed_by_themselves_into_an_environment_of_their_own(uv: Path, tmp_path: Path) -> None:
    told: list[str] = []
    libraries = {"xgboost": "1.7.6", "imblearn": ""}
    made = environment_with("1.0.2", tmp_path / "kept", lambda text, _: told.append(text), libraries)
    name = "scikit-learn-1.0.2-python-3.9-imbalanced-learn-0.8.1-xgboost-1.7.6"
    assert made == python_of(tmp_path / "kept" / name)
    assert uv.read_text().splitlines()[2].endswith("--no-deps imbalanced-learn==0.8.1 xgboost==1.7.6")
    what = "scikit-learn 1.0.2, imbalanced-learn 0.8.1, xgboost 1.7.6"
    assert told == [f"making an environment with {what} and Python 3.9, once"]
    assert environment_with("1.0.2", tmp_path / "kept", lambda *_: None, libraries) == made
    assert environment_with("1.0.2", tmp_path / "kept", lambda *_: None) != made


def test_a_library_without_a_known_release_is_named(uv: Path, tmp_path: Path) -> None:
    with pytest.raises(CannotMake, match=r"which xgboost 0\.90 goes with scikit-learn 1\.0\.2 is not known") as failure:
        environment_with("1.0.2", tmp_path, lambda *_: None, {"xgboost": "0.90"})
    assert "the xgboost 0.90 that the model was made with" in failure.value.command
    assert not uv.exists()


@pytest.mark.parametrize(("version", "known"), [("1.2.99", "1.2.2"), ("1.4.1", "1.4.1.post1"), ("1.3.0rc1", "1.3.0")])
def test_what_was_never_released_is_refused_with_the_nearest_before_anything_is_asked(
    uv: Path, tmp_path: Path, version: str, known: str
) -> None:
    with pytest.raises(
        CannotMake, match=rf"scikit-learn {version} is known: no such release is, .* {known}$"
    ) as caught:
        environment_with(version, tmp_path / "kept", lambda *_: None)
    assert f"scikit-learn=={known} " in caught.value.command
    assert not uv.exists()


def test_one_whose_python_is_gone_is_made_anew(uv: Path, tmp_path: Path) -> None:
    made = environment_with("1.0.2", tmp_path / "kept", lambda *_: None)
    made.unlink()
    assert environment_with("1.0.2", tmp_path / "kept", lambda *_: None).exists()


def test_what_uv_says_is_told_and_nothing_is_left(uv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _write(tmp_path, monkeypatch, "echo no route to the index >&2; exit 2")
    with pytest.raises(CannotMake, match="could not be made: no route to the index") as failure:
        environment_with("1.0.2", tmp_path / "kept", lambda *_: None)
    assert "scikit-learn==1.0.2" in failure.value.command
    assert list((tmp_path / "kept").iterdir()) == []


def test_a_missing_python_is_named(uv: Path, tmp_path: Path) -> None:
    with pytest.raises(CannotMake, match=r"runs on Python 3\.13, 3\.12, 3\.11, 3\.14, none of which") as failure:
        environment_with("1.8.0", tmp_path, lambda *_: None)
    assert failure.value.command == "uv python install 3.13"


def test_a_missing_uv_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(making, "find_uv", lambda: None)
    with pytest.raises(CannotMake) as failure:
        environment_with("1.8.0", tmp_path, lambda *_: None)
    assert failure.value.command == "pip install uv"


def test_a_version_without_a_recipe_is_named(tmp_path: Path) -> None:
    with pytest.raises(CannotMake, match=r"0\.24\.2 is known"):
        environment_with("0.24.2", tmp_path, lambda *_: None)


def test_uv_is_found_on_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uv", None)
    monkeypatch.setattr(shutil, "which", lambda name: f"/somewhere/{name}")
    assert find_uv() == "/somewhere/uv"


def test_nobody_else_may_look_into_the_folder_of_what_is_run_later(uv: Path, tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        environment_with("1.3.2", tmp_path / "kept", lambda *_: None)
    finally:
        os.umask(before)
    assert (tmp_path / "kept").stat().st_mode & 0o777 == 0o700
