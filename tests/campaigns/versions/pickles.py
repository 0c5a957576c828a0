"""Owns the small pickles that stand in the repository, and what their own versions answered. Knows no environments."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "pickles"
ANSWERS = "answers.json"
VERSIONS = ("1.0.2", "1.1.3", "1.2.2", "1.3.2", "1.4.2", "1.5.2", "1.6.1", "1.7.2", "1.8.0")


@dataclass(frozen=True, slots=True)
class OldPickle:
    """A pickle, rows, and the answers of the scikit-learn that wrote it, by method."""

    version: str
    name: str
    content: bytes
    rows: list[Any]
    answers: Mapping[str, list[Any]]

    def __str__(self) -> str:
        return f"{self.version}-{self.name}"


def read(version: str) -> list[OldPickle]:
    """All of one version."""
    with zipfile.ZipFile(FOLDER / f"{version}.zip") as packed:
        told = json.loads(packed.read(ANSWERS))
        files = {name.rpartition(".")[0]: packed.read(name) for name in packed.namelist() if name != ANSWERS}
    return [_pickle(version, name, content, told[name]) for name, content in sorted(files.items())]


def _pickle(version: str, name: str, content: bytes, told: Mapping[str, Any]) -> OldPickle:
    return OldPickle(version, name, content, told["rows"], {key: told[key] for key in told if key != "rows"})


def pack(version: str, made: Path) -> None:
    """Puts what `models.py` wrote into one file; the same content gives the same bytes."""
    FOLDER.mkdir(exist_ok=True)
    with zipfile.ZipFile(FOLDER / f"{version}.zip", "w", zipfile.ZIP_DEFLATED) as packed:
        for path in sorted(made.iterdir()):
            packed.writestr(zipfile.ZipInfo(path.name), path.read_bytes(), zipfile.ZIP_DEFLATED)
