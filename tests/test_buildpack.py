"""Heroku's own Python buildpack takes a clean clone: its scripts run whole, beside stand-ins for what they download."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from server.doctor import buildpack
from tests.conftest import ROOT
from tests.support.integration.clone import make_clone

SCRIPTS = ROOT / "build" / "buildpack"
STACK = "heroku-24"
APP = re.compile(r"(?<![\w.}])/app\b")
# It notes what it is asked; pip, asked for its version, answers.
PYTHON = """#!/bin/sh
echo "python $*" >> "$NOTES"
case "$*" in *--version*) echo "pip 26.0 from here (python 3.13)" ;; *nltk*) exit 1 ;; esac
"""
STANDINS = {
    "curl": '#!/bin/sh\necho "curl $*" >> "$NOTES"\n',
    "tar": '#!/bin/sh\nmkdir -p "$2/bin" "$2/lib/python3.13/site-packages" && cp "$STANDINS/python" "$2/bin/"\n'
    'mkdir -p "$2/lib/python3.13/ensurepip/_bundled" && touch "$2/lib/python3.13/ensurepip/_bundled/pip-26.0.whl"\n'
    'cp "$STANDINS/python" "$2/bin/pip"\n',
    "python": PYTHON,
}


class Build:
    """A dyno's build of a clone: the buildpack with another place for ``/app``, and what it did."""

    def __init__(self, folder: Path) -> None:
        self.app = make_clone(folder)
        (self.app / ".venv").unlink()
        shutil.rmtree(self.app / ".git")
        for name in (self.app / ".slugignore").read_text().split():
            shutil.rmtree(self.app / name.strip("/"), ignore_errors=True)
            (self.app / name.strip("/")).unlink(missing_ok=True)
        self.folder, self.notes = folder, folder / "notes"
        self.buildpack = Path(shutil.copytree(SCRIPTS, folder / "buildpack", ignore=shutil.ignore_patterns(".git")))
        for script in [*self.buildpack.glob("bin/**/*"), *self.buildpack.glob("lib/*")]:
            if script.is_file():
                script.write_text(APP.sub(str(folder / "slash-app"), script.read_text()))
        (folder / "standins").mkdir()
        for name, text in STANDINS.items():
            (folder / "standins" / name).write_text(text)
            (folder / "standins" / name).chmod(0o755)

    def run(self, script: str) -> subprocess.CompletedProcess[str]:
        """Runs ``bin/detect`` or ``bin/compile``."""
        for name in ("cache", "env"):
            (self.folder / name).mkdir(exist_ok=True)
        environment = {
            "PATH": f"{self.folder / 'standins'}:{os.environ['PATH']}",
            "STACK": STACK,
            "HOME": str(self.folder),
            "NOTES": str(self.notes),
            "STANDINS": str(self.folder / "standins"),
        }
        command = [self.buildpack / "bin" / script, self.app, self.folder / "cache", self.folder / "env"]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, cwd=self.folder)


@pytest.fixture
def build(tmp_path: Path) -> Build:
    if not SCRIPTS.is_dir():
        pytest.skip("there is no buildpack here: make buildpack")
    return Build(tmp_path)


def test_the_rules_are_those_of_the_buildpack_that_is_run() -> None:
    version = re.search(r"^BUILDPACK := (v\d+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert version is not None
    assert f"({version[1]})" in str(buildpack.__doc__)


def test_a_clean_clone_is_built(build: Build) -> None:
    found = build.run("detect")
    assert (found.returncode, found.stdout) == (0, "Python\n")
    built = build.run("compile")
    said = built.stdout + built.stderr
    assert built.returncode == 0, said
    assert "Using Python 3.13 specified in .python-version" in said
    assert not re.search("Error:|Warning:", said), said
    assert re.search(r"^python .*install .*requirements\.txt", build.notes.read_text(), re.MULTILINE)
    assert re.search(r"^python -m compileall .* server$", build.notes.read_text(), re.MULTILINE)
    assert (build.app / ".profile.d" / "python.sh").is_file()
    assert (build.app / "server" / "__main__.py").is_file()


def test_what_the_doctor_calls_a_mistake_ends_the_build(build: Build) -> None:
    (build.app / "poetry.lock").write_text("")
    built = build.run("compile")
    assert built.returncode == 1
    assert "Multiple Python package manager files were found" in built.stdout + built.stderr


@pytest.mark.slow
def test_a_hook_with_the_line_ends_of_windows_ends_the_build(build: Build) -> None:
    """And a `.python-version` with such does not."""
    for name in (".python-version", "bin/post_compile"):
        file = build.app / name
        file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    built = build.run("compile")
    assert "Using Python 3.13 specified in .python-version" in built.stdout + built.stderr
    assert built.returncode != 0
