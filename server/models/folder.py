"""Owns what is in the models folder: which versions, under which names, and what is misplaced. Opens no file.

A file is ``<name>/<version>/model.onnx``, or ``<name>.onnx`` for version 1. Requests never read the folder.
"""

from __future__ import annotations

import errno
import itertools
import os
import re
import shlex
from pathlib import Path
from typing import NamedTuple

from server.artefact.metadata import NAME_PATTERN, RESERVED_NAMES
from server.models.files import OUTSIDE, is_inside

MOST_ENTRIES = 10_000  # names that one scan reads, in the folder and in those of its models and versions
MOST_OF_MODEL = 2500  # of them of one model: whoever fills its folder keeps no other from serving
PICKLES = frozenset({".pkl", ".pickle", ".joblib", ".skops", ".sav", ".dill"})
_PICKLES = tuple(PICKLES)
NO_FILE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG})  # all else says nothing of a file


class VersionFile(NamedTuple):
    """The file of one version of a model. No link leads out of ``folder``, that of all models; None: the file's own."""

    name: str
    version: str
    path: Path
    folder: Path | None = None


class Listing(NamedTuple):
    """The content of the folder. ``misplaced``: the reasons for files with ambiguous or bad names, by name, version.

    ``unknown``: names of which nobody can tell what is there, so that nothing of them is known to be gone or new.
    """

    files: tuple[VersionFile, ...]
    misplaced: dict[tuple[str, str], str]
    unknown: frozenset[str] = frozenset()


class TooManyEntries(OSError):
    """The folder holds more than a scan reads: nobody can tell what is new or gone."""


def scan(folder: Path) -> Listing:
    """Lists every version in the folder, by name, then by version. Raises OSError, TooManyEntries among them.

    What cannot be looked at is misplaced: nobody knows that it is gone.
    """
    if not folder.is_dir():
        return Listing((), {})
    return _Scan(folder).listing()


class _Scan:
    """One look at the folder, and the names that it may still read."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._left = MOST_ENTRIES
        self._left_of_model = MOST_ENTRIES
        self._names: set[str] = set()  # of the folder itself
        self._misplaced: dict[tuple[str, str], str] = {}

    def listing(self) -> Listing:
        versions: list[VersionFile] = []
        pickles: list[Path] = []
        entries = self._entries(self._folder)
        self._names = {entry.name for entry in entries}
        for entry in entries:
            self._left_of_model = MOST_OF_MODEL
            try:
                found, unread = self._versions_at(entry)
            except TooManyEntries:
                raise
            except (OSError, _Misplaced) as error:
                reason = f"cannot be read, what is loaded of it serves on: {getattr(error, 'strerror', '')}"
                said = str(error) if isinstance(error, _Misplaced) else f"{_shown(entry.name)} {reason}"
                self._misplaced[_shown(entry.name.removesuffix(".onnx")), "1"] = said
            else:
                versions += found
                pickles += unread
        unknown = frozenset(name for name, _ in self._misplaced)
        self._tell(pickles, versions)
        named = (file for file in versions if (_shown(file.name), _shown(file.version)) not in self._misplaced)
        files = sorted(named, key=lambda file: (file.name, version_key(file.version)))
        return Listing(tuple(files), self._misplaced, unknown)

    def _entries(self, place: Path) -> list[os.DirEntry[str]]:
        """What is in a folder, by name, without what is hidden, which counts as well. Raises OSError, _Misplaced."""
        with os.scandir(place) as listed:
            entries = list(itertools.islice(listed, min(self._left, self._left_of_model) + 1))
        self._left -= len(entries)
        self._left_of_model -= len(entries)
        if self._left < 0:
            raise TooManyEntries(f"it has more than {MOST_ENTRIES} entries, which no scan reads: remove some")
        if self._left_of_model < 0:
            name = _shown(place.relative_to(self._folder).parts[0])
            raise _Misplaced(
                f"{name} has more than {MOST_OF_MODEL} entries, which no scan reads, what is loaded of it serves on:"
                " remove some"
            )
        return sorted((entry for entry in entries if not entry.name.startswith(".")), key=lambda entry: entry.name)

    def _versions_at(self, entry: os.DirEntry[str]) -> tuple[list[VersionFile], list[Path]]:
        """The versions and the pickles of one entry of the folder: a file, or a model's own folder.

        Raises _Misplaced, OSError.
        """
        if self._leads_out(entry):
            raise _Misplaced(f"{_shown(entry.name)} {OUTSIDE}")
        is_folder = entry.is_dir()
        if entry.name.endswith(".onnx") and not is_folder:
            stem = entry.name.removesuffix(".onnx")
            if stem in self._names and (self._folder / stem).is_dir():
                raise _Misplaced(
                    f"{_shown(entry.name)} and {_shown(stem)}/ both hold a model '{_shown(stem)}': remove one"
                )
            return [VersionFile(stem, "1", self._folder / entry.name, self._folder)], []
        if not is_folder:
            return [], [Path(entry)] if _is_pickle(entry) else []
        if f"{entry.name}.onnx" in self._names and (self._folder / f"{entry.name}.onnx").is_file():
            return [], []
        versions: list[VersionFile] = []
        pickles: list[Path] = []
        for inner in self._entries(Path(entry)):
            file = Path(inner, "model.onnx")
            if status_of(file):
                versions.append(VersionFile(entry.name, inner.name, file, self._folder))
            pickles += self._pickles_in(inner)
        return versions, pickles

    def _leads_out(self, entry: os.DirEntry[str]) -> bool:
        return entry.is_symlink() and not is_inside(self._folder, Path(entry))

    def _pickles_in(self, version: os.DirEntry[str]) -> list[Path]:
        """The pickles of one version; what cannot be looked at, or lies elsewhere, is none."""
        try:
            if version.is_dir() and not self._leads_out(version):
                return [Path(entry) for entry in self._entries(Path(version)) if _is_pickle(entry)]
        except TooManyEntries:
            raise
        except OSError:
            pass
        return []

    def _tell(self, pickles: list[Path], versions: list[VersionFile]) -> None:
        for path in pickles:
            # By its whole path, which is no model's name: the versions beside it serve on.
            place, file = _shown(str(path.relative_to(self._folder))), shlex.quote(_shown(str(path)))
            self._misplaced[place, "1"] = (
                f"{place} is a pickle, and no server opens one: python -m convert {file}, then remove it"
            )
        for version in versions:
            if wrong := _misnamed(self._folder, version):
                self._misplaced[_shown(version.name), _shown(version.version)] = wrong


class _Misplaced(Exception):
    """An entry of the folder is no model that could be told by its name; the message says why."""


def _is_pickle(entry: os.DirEntry[str]) -> bool:
    """Whether it is one by its name; what cannot be looked at is none."""
    try:
        return entry.name.lower().endswith(_PICKLES) and entry.is_file()
    except OSError:
        return False


def status_of(path: Path) -> os.stat_result | None:
    """The status of a file, its links followed; None without one. Raises OSError where that cannot be told."""
    try:
        return path.stat()
    except OSError as error:
        if error.errno in NO_FILE:
            return None
        raise


def version_key(version: str) -> tuple[tuple[int, int, str], ...]:
    """Natural order: 2 < 10, 1.9.0 < 1.10.0, and 1.0.0-rc1 before 1.0.0."""
    pieces: list[tuple[int, int, str]] = []
    for token in re.findall(r"[0-9]+|[A-Za-z]+|-", version):
        # A number is above the end of a version, the end above a dash or a word: 1.0 < 1.0.1, 1.0-rc1 < 1.0.
        pieces.append((2, int(token), "") if token.isdigit() else (0, 0, token))
    return (*pieces, (1, 0, ""), (0, 0, version))  # the text last: 1.0 and 1_0 differ, in a fixed order


def _misnamed(folder: Path, version: VersionFile) -> str | None:
    wrong = None
    if not (NAME_PATTERN.fullmatch(version.name) and NAME_PATTERN.fullmatch(version.version)):
        wrong = (
            "a model name and a version are letters, digits, '_', '.' and '-', at most 64 characters, the first a"
            " letter or a digit"
        )
    elif version.name in RESERVED_NAMES:
        wrong = f"no model can be called '{version.name}', as the v2 protocol has a path of that name"
    return wrong and f"{_shown(str(version.path.relative_to(folder)))}: {wrong}; rename it"


def _shown(name: str) -> str:
    """A file name as text on one line: invalid bytes and what cannot be printed are escaped."""
    text = name.encode("utf-8", "backslashreplace").decode()
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)
