"""Owns the making of an environment with an earlier scikit-learn, once, in a folder that is kept. Knows no pickles.

uv installs wheels of exact versions and builds nothing, so that no package's code runs meanwhile.
"""

from __future__ import annotations

import importlib
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from convert.environments.interpreters import find_python, python_of
from convert.environments.libraries import Libraries, packages_of
from convert.environments.recipes import nearest, pythons_for, recipes_for
from convert.errors import NONE

SECONDS = 900.0
LAST_WORDS = 600  # characters of what uv says when it fails

Tell = Callable[[str, float], None]


class CannotMake(Exception):
    """No environment can be made; the message is a sentence, ``command`` what a person may run."""

    def __init__(self, reason: str, command: str) -> None:
        super().__init__(reason)
        self.command = command


def environment_with(version: str, kept: Path, tell: Tell, libraries: Libraries = NONE) -> Path:
    """The interpreter of an environment with this scikit-learn, and these libraries, below ``kept``.

    Raises CannotMake.
    """
    recipes = recipes_for(version)
    if not recipes:
        known = nearest(version)
        never = f": no such release is, the nearest is {known}" if known else ""
        raise CannotMake(f"no environment with scikit-learn {version} is known{never}", _by_hand(known or version))
    more = _packages_of(libraries, version)
    what = ", ".join([f"scikit-learn {version}", *(package.replace("==", " ") for package in more)])
    for python in pythons_for(version):
        if python_of(_folder(kept, version, python, more)).exists():
            return python_of(_folder(kept, version, python, more))
    uv = find_uv()
    if uv is None:
        raise CannotMake("uv, which makes environments, is not installed", "pip install uv")
    said = ""
    for minor, packages in [(minor, recipe.packages) for recipe in recipes for minor in recipe.pythons]:
        found = find_python(minor)
        if found is not None:
            tell(f"making an environment with {what} and Python {minor}, once", 0.0)
            folder = _folder(kept, version, minor, more)
            said = _make(uv, str(found), folder, [f"scikit-learn=={version}", *packages], more)
            if not said:
                return python_of(folder)
    wanted = pythons_for(version)[0]
    if said:
        raise CannotMake(f"an environment with {what} could not be made: {said}", _by_hand(version, more))
    raise CannotMake(
        f"scikit-learn {version} runs on Python {', '.join(pythons_for(version))}, none of which is here",
        f"uv python install {wanted}",
    )


def _packages_of(libraries: Libraries, version: str) -> list[str]:
    """The packages of libraries, each once. Raises CannotMake for one of which no way is known."""
    packages: dict[str, None] = {}
    for module, told in sorted(libraries.items()):
        found = packages_of(module, told, ".".join(version.split(".")[:2]))
        if not found:
            release = f"{module} {told}".strip()
            raise CannotMake(
                f"which {release} goes with scikit-learn {version} is not known",
                f"make an environment with scikit-learn {version} and the {release} that the model was made with",
            )
        packages |= dict.fromkeys(found)
    return list(packages)


def find_uv() -> str | None:
    """uv on the PATH, or the one that is installed beside us."""
    try:
        return str(importlib.import_module("uv").find_uv_bin())
    except (ImportError, OSError):
        return shutil.which("uv")


def _folder(kept: Path, version: str, python: str, libraries: Sequence[str] = ()) -> Path:
    more = "".join(f"-{package.replace('==', '-')}" for package in libraries)
    return kept / f"scikit-learn-{version}-python-{python}{more}"


def _by_hand(version: str, libraries: Sequence[str] = ()) -> str:
    wanted = next(iter(pythons_for(version)), "3")
    packages = " ".join([f"scikit-learn=={version}", "pandas", *libraries])
    return (
        f"python{wanted} -m venv old && old/bin/pip install --only-binary :all: {packages}, "
        "then convert with --environment old"
    )


def _make(uv: str, python: str, folder: Path, packages: Sequence[str], libraries: Sequence[str]) -> str:
    """Makes it whole or not at all; answers what went wrong, or nothing.

    Libraries are installed by themselves: what they need is among the packages, or beside them in our own list.
    """
    folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)  # what is in it is run later
    with tempfile.TemporaryDirectory(prefix=".making-", dir=folder.parent) as place:
        new = Path(place, "environment")
        install = ["pip", "install", "--quiet", "--only-binary", ":all:", "--python", str(python_of(new))]
        steps = [
            ["venv", "--quiet", "--no-project", "--relocatable", "--python", python, str(new)],
            [*install, *packages],
            *([[*install, "--no-deps", *libraries]] if libraries else []),
        ]
        for words in steps:
            said = _run([uv, *words], place)
            if said:
                return said
        if python_of(folder).exists():  # somebody else was faster
            return ""
        shutil.rmtree(folder, ignore_errors=True)  # its Python is gone
        new.rename(folder)
    return ""


def _run(command: Sequence[str], place: str) -> str:
    try:
        run = subprocess.run(  # noqa: S603  uv itself
            command, cwd=place, stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return "" if run.returncode == 0 else run.stderr.decode(errors="replace").strip()[-LAST_WORDS:] or "uv failed"
