"""Interpreters: found by what they say of themselves, and asked for their packages."""

from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path

import pytest
import sklearn

from convert.environments.interpreters import find_python, isolated, python_of, versions_in
from convert.errors import Refused
from tests.support.convert.environments import environment_that_starts_things, started

HERE = f"{sys.version_info.major}.{sys.version_info.minor}"


def script(path: Path, text: str) -> Path:
    """A program of this text."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def test_our_own_is_found() -> None:
    assert find_python(HERE) == Path(sys.executable)


def test_one_that_says_another_version_or_does_not_run_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    script(tmp_path / "bin" / "python2.6", "exit 127")  # a shim of a version manager that has no such Python
    assert find_python("2.6") is None
    script(tmp_path / ".pyenv/versions/2.6.9/bin/python2.6", "echo 2.5")
    assert find_python("2.6") is None
    right = script(tmp_path / ".local/share/uv/python/cpython-2.6.1-x/bin/python2.6", "echo 2.6")
    assert find_python("2.6") == right


def test_what_is_installed_is_told() -> None:
    found = versions_in(Path(sys.executable))
    assert (found["Python"], found["scikit-learn"]) == (platform.python_version(), sklearn.__version__)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("""echo '{"Python": "3.9.1", "numpy": "1"}'""", "has no scikit-learn, scipy, pandas, joblib"),
        ("echo '[]'", "is no Python that runs"),
        ("exit 1", "is no Python that runs"),
    ],
)
def test_one_without_what_is_needed_is_refused(text: str, said: str, tmp_path: Path) -> None:
    python = script(python_of(tmp_path), text)
    with pytest.raises(Refused, match=said):
        versions_in(python)


def test_a_path_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="is no Python that runs"):
        versions_in(tmp_path / "python")


def test_what_an_environment_runs_at_every_start_is_not_run(tmp_path: Path) -> None:
    python = environment_that_starts_things(tmp_path)
    subprocess.run([python, "-I", "-c", ""], check=True)
    assert started(tmp_path) == {"sitecustomize", "pth"}, "it would be"
    for name in started(tmp_path):
        (tmp_path / name).unlink()
    with pytest.raises(Refused, match="has no scikit-learn"):
        versions_in(python)
    assert started(tmp_path) == set()
    subprocess.run(isolated(python, "import scipy.stats"), check=True)
    assert started(tmp_path) == {"asked for"}


def test_packages_of_an_environment_and_of_its_system_are_found(tmp_path: Path) -> None:
    python = environment_that_starts_things(tmp_path)
    say = "import scipy; print(scipy.__file__)"
    found = subprocess.run(isolated(python, say), check=True, capture_output=True, text=True).stdout
    assert found.startswith(str(tmp_path))
    plain = isolated(Path(sys.executable), "import sklearn; print(sklearn.__file__)")
    assert subprocess.run(plain, check=True, capture_output=True, text=True).stdout.strip() == sklearn.__file__
