"""Owns environments whose packages run code at every start of their interpreter. Each run leaves a file."""

from __future__ import annotations

import sys
from pathlib import Path

from convert.environments.interpreters import python_of

STARTED = """
import pathlib
pathlib.Path({marker!r}).touch()
"""


def environment_that_starts_things(folder: Path) -> Path:
    """The interpreter of an environment whose packages run code at every start, each leaving a file."""
    packages = folder / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
    packages.mkdir(parents=True)
    (folder / "bin").mkdir()
    (folder / "pyvenv.cfg").write_text(f"home = {Path(sys.base_prefix, 'bin')}\n")
    python_of(folder).symlink_to(Path(sys.executable).resolve())
    for name in ("sitecustomize", "usercustomize"):
        (packages / f"{name}.py").write_text(STARTED.format(marker=str(folder / name)))
    (packages / "begins.pth").write_text(f"import pathlib; pathlib.Path({str(folder / 'pth')!r}).touch()\n")
    (packages / "scipy").mkdir()
    (packages / "scipy" / "__init__.py").touch()
    (packages / "scipy" / "stats.py").write_text(STARTED.format(marker=str(folder / "asked for")))
    return python_of(folder)


def started(folder: Path) -> set[str]:
    """What has left its file."""
    return {path.name for path in folder.iterdir()} - {"bin", "lib", "pyvenv.cfg"}
