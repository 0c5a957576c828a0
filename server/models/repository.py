"""Owns the models and versions: as files in the folder, and loaded in this process. Knows no HTTP.

A file is ``<name>/<version>/model.onnx``, or ``<name>.onnx`` for version 1. Requests never read the folder.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import stat
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from server.artefact.metadata import NAME_PATTERN, RESERVED_NAMES, Artefact
from server.artefact.runtime import Runtime
from server.artefact.tensors import InputLayout
from server.batching.cost import CostCurve
from server.codecs.mlflow.codec import MlflowCodec
from server.codecs.predict import PredictCodec
from server.codecs.v2.codec import TensorCodec
from server.errors import ServerError
from server.models.bulletin import Bulletin
from server.models.files import OUTSIDE, is_inside
from server.models.trial import Verdict

PICKLES = frozenset({".pkl", ".pickle", ".joblib", ".skops", ".sav", ".dill"})
NO_FILE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG})  # all else says nothing of a file
NO_MODEL = "no model is loaded; convert one into the models folder, and it serves within seconds"


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


class BadRepository(ValueError):
    """The folder cannot be served; the message says what to change."""


@dataclass(frozen=True, slots=True)
class Model:
    """One loaded version with its codecs, after its trial. Made before the fork; never changes."""

    name: str
    version: str
    sha256: str
    runtime: Runtime
    artefact: Artefact | None
    predict: PredictCodec | None  # None: its inputs are no rows of one matrix
    mlflow: MlflowCodec | None  # likewise
    v2: TensorCodec
    verdict: Verdict
    curve: CostCurve
    cost_by_rows: bool  # nothing but their number decides how long a run takes
    repeatable: bool = True  # nothing in it may draw by chance: equal questions have equal answers
    pads_texts: bool = False  # a run takes as much for each of its texts as for the longest

    @property
    def layouts(self) -> tuple[InputLayout, ...]:
        """The layouts of the inputs; empty without ``predict``."""
        return self.predict.layouts if self.predict else ()


class Repository:
    """Models by name and version, the highest version first, and the reasons why others were refused."""

    def __init__(
        self,
        models: Sequence[Model],
        refused: Mapping[tuple[str, str], str] | Bulletin,
        default_model: str | None = None,
    ) -> None:
        self._refused = refused
        self.models: dict[str, dict[str, Model]] = {}
        for model in sorted(models, key=lambda model: version_key(model.version), reverse=True):
            self.models.setdefault(model.name, {})[model.version] = model
        self.models = dict(sorted(self.models.items()))
        self.default_model = default_model or (next(iter(self.models)) if len(self.models) == 1 else None)

    @property
    def refused(self) -> Mapping[tuple[str, str], str]:
        """The reasons why versions do not serve; those of a `Bulletin` change at any time."""
        return self._refused.read() if isinstance(self._refused, Bulletin) else self._refused

    def only(self, versions: Collection[tuple[str, str]]) -> Repository:
        """The same without other versions than these."""
        models = [model for model in self if (model.name, model.version) in versions]
        return Repository(models, self._refused, self.default_model)

    def get(self, name: str, version: str | None = None) -> Model:
        """A version of a model, the highest without ``version``. Raises ServerError: not_found, model_unavailable."""
        versions = self.models.get(name)
        if versions and version is None:
            return next(iter(versions.values()))
        if versions and version in versions:
            return versions[version]
        if any(name == refused and version in (None, number) for refused, number in self.refused):
            raise ServerError("model_unavailable", "this model did not load; GET /models says why")
        raise ServerError("not_found", "there is no such model or version; GET /models lists what is served")

    def get_default(self) -> Model:
        """The model of `/predict`. Raises ServerError: not_found, model_unavailable."""
        if self.default_model is not None:
            return self.get(self.default_model)
        if not self.models:
            raise ServerError("model_unavailable", NO_MODEL)
        raise ServerError("not_found", "several models are served: name one as in /models/NAME/predict")

    def __iter__(self) -> Iterator[Model]:
        return (model for versions in self.models.values() for model in versions.values())


def version_key(version: str) -> tuple[tuple[int, int, str], ...]:
    """Natural order: 2 < 10, 1.9.0 < 1.10.0, and 1.0.0-rc1 before 1.0.0."""
    pieces: list[tuple[int, int, str]] = []
    for token in re.findall(r"[0-9]+|[A-Za-z]+|-", version):
        # A number is above the end of a version, the end above a dash or a word: 1.0 < 1.0.1, 1.0-rc1 < 1.0.
        pieces.append((2, int(token), "") if token.isdigit() else (0, 0, token))
    return (*pieces, (1, 0, ""), (0, 0, version))  # the text last: 1.0 and 1_0 differ, in a fixed order


def _pickles(folder: Path) -> Iterator[Path]:
    """Pickles at the places of models; what cannot be looked at is none."""
    for path in sorted((*folder.glob("[!.]*"), *folder.glob("[!.]*/[!.]*/*"))):
        with contextlib.suppress(OSError):
            if path.suffix.lower() in PICKLES and path.is_file():
                yield path


def scan(folder: Path) -> Listing:
    """Lists every version in the folder, by name, then by version. Raises OSError.

    What cannot be looked at is misplaced: nobody knows that it is gone.
    """
    if not folder.is_dir():
        return Listing((), {})
    versions: list[VersionFile] = []
    misplaced: dict[tuple[str, str], str] = {}
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith("."):
            continue
        try:
            versions += _versions_at(folder, entry)
        except (OSError, _Misplaced) as error:
            reason = f"cannot be read, what is loaded of it serves on: {getattr(error, 'strerror', '')}"
            said = str(error) if isinstance(error, _Misplaced) else f"{_shown(entry.name)} {reason}"
            misplaced[_shown(entry.stem if entry.suffix == ".onnx" else entry.name), "1"] = said
    unknown = frozenset(name for name, _ in misplaced)
    for path in _pickles(folder):
        # By its whole path, which is no model's name: the versions beside it serve on.
        place = _shown(str(path.relative_to(folder)))
        misplaced[place, "1"] = (
            f"{place} is a pickle, and no server opens one: python -m convert {_shown(str(path))}, then remove it"
        )
    for version in versions:
        if wrong := _misnamed(folder, version):
            misplaced[_shown(version.name), _shown(version.version)] = wrong
    named = (file for file in versions if (_shown(file.name), _shown(file.version)) not in misplaced)
    files = sorted(named, key=lambda file: (file.name, version_key(file.version)))
    return Listing(tuple(files), misplaced, unknown)


class _Misplaced(Exception):
    """An entry of the folder is no model that could be told by its name; the message says why."""


def _versions_at(folder: Path, entry: Path) -> list[VersionFile]:
    """The versions of one entry of the folder: a file, or a model's own folder. Raises _Misplaced, OSError."""
    if entry.is_symlink() and not is_inside(folder, entry):
        raise _Misplaced(f"{_shown(entry.name)} {OUTSIDE}")
    is_folder = _is_folder(entry)
    if entry.suffix == ".onnx" and not is_folder:
        if _is_folder(folder / entry.stem):
            stem = _shown(entry.stem)
            raise _Misplaced(f"{_shown(entry.name)} and {stem}/ both hold a model '{stem}': remove one")
        return [VersionFile(entry.stem, "1", entry, folder)]
    if not is_folder or (folder / f"{entry.name}.onnx").is_file():
        return []
    places = (inner / "model.onnx" for inner in entry.iterdir() if not inner.name.startswith("."))
    return [VersionFile(entry.name, file.parent.name, file, folder) for file in places if status_of(file)]


def _is_folder(path: Path) -> bool:
    status = status_of(path)
    return status is not None and stat.S_ISDIR(status.st_mode)


def status_of(path: Path) -> os.stat_result | None:
    """The status of a file, its links followed; None without one. Raises OSError where that cannot be told."""
    try:
        return path.stat()
    except OSError as error:
        if error.errno in NO_FILE:
            return None
        raise


def _misnamed(folder: Path, version: VersionFile) -> str | None:
    place = _shown(str(version.path.relative_to(folder)))
    if not (NAME_PATTERN.fullmatch(version.name) and NAME_PATTERN.fullmatch(version.version)):
        return (
            f"{place}: a model name and a version are letters, digits, '_', '.' and '-', at most 64 characters, the"
            " first a letter or a digit; rename it"
        )
    if version.name in RESERVED_NAMES:
        return (
            f"{place}: no model can be called '{version.name}', as the v2 protocol has a path of that name; rename it"
        )
    return None


def _shown(name: str) -> str:
    """A file name as text, its invalid bytes escaped."""
    return name.encode("utf-8", "backslashreplace").decode()
