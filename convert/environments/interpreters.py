"""Owns the finding and the starting of Pythons on this machine, and what is installed for one. Knows no recipes.

Only interpreters that a person installed are run, with none of the current folder's modules; a pickle names none. What
a folder of packages has run at every start (.pth files, sitecustomize) is not run: it would be before any wall.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import orjson

from convert.errors import Refused

SECONDS = 60.0
SAY_VERSION = "import sys; print('%d.%d' % sys.version_info[:2])"
SAY_PACKAGES = """
import json, platform
found = {"Python": platform.python_version()}
for name in (
    "scikit-learn", "numpy", "scipy", "pandas", "joblib", "xgboost", "lightgbm", "catboost", "xgboost-cpu",
    "imbalanced-learn", "category-encoders", "feature-engine",
):
    try:
        from importlib.metadata import version
        found[name] = version(name)
    except Exception:
        pass
print(json.dumps(found))
"""
# By hand, as `site` is not asked; an environment's own folder, which only `site` would find. Plain Python 3.8.
ADD_PACKAGES = """
import os, site, sys
home = os.path.dirname(os.path.dirname(os.path.abspath(sys.executable)))
folders, all_of_system = [], True
if os.path.exists(os.path.join(home, "pyvenv.cfg")):
    with open(os.path.join(home, "pyvenv.cfg")) as file:
        lines = ["".join(line.split()).lower() for line in file]
    all_of_system = "include-system-site-packages=true" in lines
    minor = "python%d.%d" % sys.version_info[:2]
    folders = [os.path.join(home, lib, minor, "site-packages") for lib in ("lib", "lib64")]
if all_of_system:
    folders += site.getsitepackages([sys.base_prefix, sys.base_exec_prefix])
for folder in folders:
    if os.path.isdir(folder) and os.path.realpath(folder) not in map(os.path.realpath, sys.path):
        sys.path.append(folder)
"""
NEEDED = ("scikit-learn", "numpy", "scipy", "pandas", "joblib")


def find_python(minor: str) -> Path | None:
    """An interpreter of this version, such as ``3.10``: our own, one on the PATH, one of pyenv's or of uv's."""
    return next((path for path in _candidates(minor) if _said(path, SAY_VERSION) == minor), None)


def _candidates(minor: str) -> Iterator[Path]:
    if minor == f"{sys.version_info.major}.{sys.version_info.minor}":
        yield Path(sys.executable)
    found = shutil.which(f"python{minor}")
    if found:
        yield Path(found)
    home = Path.home()
    for folder, pattern in (
        (home / ".pyenv" / "versions", f"{minor}.*/bin/python{minor}"),
        (home / ".local" / "share" / "uv" / "python", f"cpython-{minor}.*/bin/python{minor}"),
        (Path("/usr/bin"), f"python{minor}"),
    ):
        yield from sorted(folder.glob(pattern), reverse=True)


def versions_in(python: Path) -> dict[str, str]:
    """The versions of Python and of each package that matters there. Raises Refused where one is missing."""
    text = _said(python, SAY_PACKAGES)
    try:
        found = {str(name): str(version) for name, version in orjson.loads(text).items()}
    except (orjson.JSONDecodeError, AttributeError):
        found = {}
    missing = [name for name in NEEDED if name not in found]
    if missing:
        what = f"has no {', '.join(missing)}" if found else "is no Python that runs"
        raise Refused(f"{python} {what}", f"{python} -m pip install {' '.join(missing)}" if found else "check the path")
    return found


def isolated(python: Path, code: str, *words: str) -> list[str]:
    """The command that runs our ``code`` with an interpreter's packages, and nothing that they start by themselves."""
    return [str(python), "-I", "-S", "-B", "-c", ADD_PACKAGES + code, *words]


def python_of(environment: Path) -> Path:
    """The interpreter of an environment: of venv, virtualenv, uv or conda."""
    return environment / "bin" / "python"


def _said(python: Path, code: str) -> str:
    try:
        run = subprocess.run(  # noqa: S603  an interpreter that a person has, our own code
            isolated(python, code), stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return run.stdout.decode(errors="replace").strip() if run.returncode == 0 else ""
