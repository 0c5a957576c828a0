"""Owns where a file goes and that it appears whole or not at all. Knows nothing of what is in it."""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path

from convert.errors import Refused

FILE_NAME = "model.onnx"


def destination(out: Path, name: str, version: str | None, replace: bool) -> Path:
    """The path to write. Raises Refused where a file is there already and ``replace`` is not asked."""
    path = out if out.suffix == ".onnx" else out / name / (version or next_version(out / name)) / FILE_NAME
    if path.exists() and not replace:
        raise Refused(f"{path} is there already", "give another --version, or --replace to write over it")
    return path


def next_version(folder: Path) -> str:
    """One above the highest version there, by its first number; 1 where there is none."""
    matches = [re.match(r"\d+", entry.name) for entry in folder.iterdir() if entry.is_dir()] if folder.is_dir() else []
    return str(max((int(match.group()) for match in matches if match), default=0) + 1)


def write(path: Path, data: bytes) -> None:
    """Makes the folder, writes beside the goal, and renames. Raises Refused where the disk does not let us."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", suffix=".part", delete=False) as file:
            part = Path(file.name)
            try:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
                part.chmod(0o644)
                part.replace(path)
            finally:
                part.unlink(missing_ok=True)
    except OSError as error:
        raise Refused(f"{path} cannot be written: {error.strerror}", "choose another --out") from error
