"""Owns where a file goes and that it appears whole or not at all. Knows nothing of what is in it."""

from __future__ import annotations

import errno
import os
import re
import secrets
from pathlib import Path

from convert.errors import Refused

FILE_NAME = "model.onnx"
NO_LINKS = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})


def destination(out: Path, name: str, version: str | None, replace: bool) -> Path:
    """The path to write. Raises Refused where a file is there already and ``replace`` is not asked."""
    path = out if out.suffix == ".onnx" else out / name / (version or next_version(out / name)) / FILE_NAME
    if path.exists() and not replace:
        raise _is_there(path)
    return path


def next_version(folder: Path) -> str:
    """One above the highest version there, by its first number; 1 where there is none."""
    matches = [re.match(r"\d+", entry.name) for entry in folder.iterdir() if entry.is_dir()] if folder.is_dir() else []
    return str(max((int(match.group()) for match in matches if match), default=0) + 1)


def write(path: Path, data: bytes, *, replace: bool) -> None:
    """Makes the folder, writes beside the goal, and gives it its name, with the rights that the umask leaves.

    Raises Refused where the disk does not let us, and where somebody was faster and ``replace`` is not asked.
    """
    part = path.with_name(f".{secrets.token_hex(8)}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with part.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            if replace or not _linked(part, path):
                part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    except FileExistsError:
        raise _is_there(path) from None
    except OSError as error:
        raise Refused(f"{path} cannot be written: {error.strerror}", "choose another --out") from error


def _linked(part: Path, path: Path) -> bool:
    """Gives a file a second name that is free; False where the disk has no such names. Raises FileExistsError."""
    try:
        path.hardlink_to(part)
    except OSError as error:
        if error.errno in NO_LINKS:
            return False
        raise
    return True


def _is_there(path: Path) -> Refused:
    return Refused(f"{path} is there already", "give another --version, or --replace to write over it")
