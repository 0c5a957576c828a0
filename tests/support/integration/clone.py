"""A clone of the project as it is here, and a person's shell in it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.conftest import ROOT

STAMPS = (".serving", ".converting", ".installed")
WHO = {"GIT_AUTHOR_NAME": "n", "GIT_AUTHOR_EMAIL": "n@example.org"}
# make would tell a make that it calls to say where it is.
_AS_A_PERSON = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
ENVIRONMENT = {**_AS_A_PERSON, **WHO, **{name.replace("AUTHOR", "COMMITTER"): value for name, value in WHO.items()}}


def shell(folder: Path, line: str, more: Mapping[str, str] | None = None) -> str:
    """What a line prints, in both streams; ``more`` is of its environment. Raises AssertionError with that."""
    done = subprocess.run(
        ["bash", "-c", line],
        cwd=folder,
        env={**ENVIRONMENT, **(more or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def make_clone(tmp_path: Path) -> Path:
    """The project committed and cloned, with the environment that is here. Skips where there is none."""
    if not (ROOT / ".git").exists() or not all((ROOT / ".venv" / stamp).exists() for stamp in STAMPS):
        pytest.skip("no git repository with an environment is here: run `make develop` first")
    source = tmp_path / "source"
    for name in shell(ROOT, "git ls-files --cached --others --exclude-standard").split("\n"):
        if name and (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, source / name)
    shell(source, "git init -q -b main && git add . && git commit -qm project && git clone -q . ../clone")
    clone = tmp_path / "clone"
    (clone / ".venv").symlink_to((ROOT / ".venv").resolve())
    shell(clone, "echo .venv >> .git/info/exclude")
    for file in clone.glob("requirements*"):  # a clone's files are new, and make would install them
        os.utime(file, (0, 0))
    return clone
