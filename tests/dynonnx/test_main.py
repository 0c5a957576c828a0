"""The command `dynonnx` reaches each program, and an installed wheel is whole."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from dynonnx.__main__ import PROGRAMS
from server import __version__
from tests.conftest import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PACKAGES = ("dynonnx", "server", "convert", "score", "bench")


def run(*words: str, folder: Path = ROOT, python: str | Path = sys.executable) -> subprocess.CompletedProcess[str]:
    command = [str(python), "-m", "dynonnx", *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("word", [word for word in PROGRAMS if word != "check"])
def test_each_word_reaches_its_program(word: str) -> None:
    if word == "score":
        pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    done = run(word, "--help")
    assert done.returncode == 0, done.stderr
    assert PROGRAMS[word][0] in done.stdout


def test_a_word_that_is_none_and_no_word() -> None:
    assert run("--version").stdout == f"dynonnx {__version__}\n"
    assert run("--help").returncode == 0
    unknown = run("sevre")
    assert (unknown.returncode, unknown.stdout) == (2, "")
    assert "there is no command 'sevre'" in unknown.stderr
    assert run().returncode == 2


def test_an_exit_status_is_the_programs(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "dynonnx", "convert", "none.pkl"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "none.pkl" in done.stderr


def test_what_serves_is_pinned_as_the_dyno_has_it() -> None:
    pins = re.findall(r"^[a-z].*$", (ROOT / "requirements.in").read_text(), re.MULTILINE)
    assert PROJECT["dependencies"][: len(pins)] == pins
    tested = "".join((ROOT / f"requirements-{use}.txt").read_text() for use in ("convert", "dev"))
    for wanted in (*PROJECT["dependencies"][len(pins) :], *PROJECT["optional-dependencies"]["bench"]):
        name, least = wanted.split(">=")
        (here,) = {tuple(map(int, found.split("."))) for found in re.findall(rf"^{name}==([\d.]+)$", tested, re.M)} or {
            ()
        }
        assert not here or here >= tuple(map(int, least.split("."))), wanted


def test_every_package_says_that_it_is_typed() -> None:
    assert not [package for package in PACKAGES if not (ROOT / package / "py.typed").is_file()]


@pytest.fixture
def entered_by_all() -> Iterator[Path]:
    """A folder that others may enter: root behind the walls is one of them, and imports from the environment in it."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.mark.slow
def test_a_wheel_is_whole_and_serves_and_converts(entered_by_all: Path) -> None:
    """Takes minutes: a clean environment with all that is needed."""
    tmp_path = entered_by_all
    source = tmp_path / "source"
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in listed.splitlines():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, source / name)
    tools, clean = tmp_path / "tools", tmp_path / "clean"
    for folder in (tools, clean):
        venv.create(folder, with_pip=True)
    for command in (
        [tools / "bin/pip", "install", "--quiet", "build", "twine"],
        [tools / "bin/python", "-m", "build", "--outdir", tmp_path / "dist", source],
        [tools / "bin/twine", "check", "--strict", *("dist/*",)],
        [clean / "bin/pip", "install", "--quiet", f"{tmp_path}/dist/dynonnx-{__version__}-py3-none-any.whl"],
    ):
        words = [str(word) for word in command]
        subprocess.run(words, cwd=tmp_path, check=True, capture_output=True)
    whole = {name for name in listed.splitlines() if name.startswith(tuple(f"{package}/" for package in PACKAGES))}
    packed = set(zipfile.ZipFile(next((tmp_path / "dist").glob("*.whl"))).namelist())
    assert whole <= packed, whole - packed
    assert not [name for name in packed if not name.startswith((*(f"{package}/" for package in PACKAGES), "dynonnx-"))]
    convert = [str(clean / "bin/dynonnx"), "convert", str(ROOT / "build" / "churn.pkl")]
    subprocess.run(convert, cwd=tmp_path, check=True, capture_output=True)
    check = subprocess.run([clean / "bin/dynonnx", "check"], cwd=tmp_path, check=True, capture_output=True, text=True)
    assert check.stdout == "churn 1: answers its 16 golden rows\n"
    needs = subprocess.run(
        [clean / "bin/dynonnx", "bench", "micro"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert "pip install 'dynonnx[bench]'" in needs.stderr
