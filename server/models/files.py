"""Owns the reading of a model's file: at once, whole, and from inside of the models folder. Knows nothing of ONNX.

Whoever may put a link into the folder must not make the server read, or keep serving, what lies elsewhere. A link that
stays inside is followed (Kubernetes mounts files so); a file with a second name may be changed by that name, unseen.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from server.artefact.onnxfile import MAX_BYTES, BadFile

NO_DESCRIPTORS = (errno.EMFILE, errno.ENFILE)  # why nothing can be opened just now, whatever it is
OUTSIDE = "is a link that leads out of the models folder: put the file itself here"


class ChangedMeanwhile(Exception):
    """The file has changed since its trial."""


def is_inside(folder: Path, path: Path) -> bool:
    """Whether a path, its links followed, lies in the folder. The folder itself may be a link."""
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))


def read_inside(folder: Path, path: Path, size: int | None = None) -> bytes:
    """Reads a regular file of one name, whose path inside of the folder has no links left. Raises BadFile, OSError.

    ``size``: its bytes when it was tried. Of a file that has another size by now nothing is read: ChangedMeanwhile.
    """
    with _opened_inside(folder, path) as (file, status):
        if size not in (None, status.st_size):
            raise ChangedMeanwhile
        _check_single(status)
        return _read(file, status.st_size)


def read_beginning(folder: Path, path: Path, most: int) -> bytes:
    """The first bytes, at most so many, of a regular file inside of the folder. Raises BadFile, OSError."""
    with _opened_inside(folder, path) as (file, _):
        return _read(file, most)


def digest_inside(folder: Path, path: Path, most: int) -> str | None:
    """The SHA-256 of a regular file inside of the folder; None where there is none, or one of more than ``most`` bytes.

    Whatever else stands there, a pipe or a device, is not read. Raises OSError.
    """
    try:
        with _opened_inside(folder, path) as (file, status), open(file, "rb", closefd=False) as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest() if status.st_size <= most else None
    except BadFile:
        return None


@contextlib.contextmanager
def _opened_inside(folder: Path, path: Path) -> Iterator[tuple[int, os.stat_result]]:
    """A regular file, its path without a link left, and its status; waits for no pipe. Raises BadFile, OSError."""
    if not is_inside(folder, path):
        raise BadFile(OUTSIDE)
    root = os.path.realpath(folder)
    *folders, name = Path(os.path.realpath(path)).relative_to(root).parts or (".",)
    place = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in folders:
            inner = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=place)
            os.close(place)
            place = inner
        file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=place)
    finally:
        os.close(place)
    try:
        status = os.fstat(file)
        if not stat.S_ISREG(status.st_mode):
            raise BadFile("is not a file: put the .onnx file itself here")
        yield file, status
    finally:
        os.close(file)


def _read(file: int, most: int) -> bytes:
    with open(file, "rb", closefd=False) as opened:
        return opened.read(most)


def _check_single(status: os.stat_result) -> None:
    if status.st_nlink > 1:
        raise BadFile("has a second name (a hard link), by which it could be changed: put a copy here")
    if status.st_size > MAX_BYTES:
        raise BadFile(f"is larger than the {MAX_BYTES} bytes that an ONNX file may have: make the model smaller")
