"""Owns the small pickles that stand in the repository, and what their own versions answered. Knows no environments.

A set of them, in one file, is of a scikit-learn, called by its version, or of a booster, as ``xgboost-1.7``.
"""

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
BOOSTERS = ("lightgbm-3", "lightgbm-4", "xgboost-1.7", "xgboost-2.0", "xgboost-2.1")


@dataclass(frozen=True, slots=True)
class OldPickle:
    """A pickle, rows, and the answers of what wrote it, by method; ``version`` is of the scikit-learn then."""

    made_by: str
    version: str
    name: str
    content: bytes
    rows: list[Any]
    answers: Mapping[str, list[Any]]

    def __str__(self) -> str:
        return f"{self.made_by}-{self.name}"


def read(made_by: str) -> list[OldPickle]:
    """All of one set."""
    with zipfile.ZipFile(FOLDER / f"{made_by}.zip") as packed:
        told = json.loads(packed.read(ANSWERS))
        files = {name.rpartition(".")[0]: packed.read(name) for name in packed.namelist() if name != ANSWERS}
    version = told["scikit-learn"]
    return [_pickle(made_by, version, name, content, told[name]) for name, content in sorted(files.items())]


def _pickle(made_by: str, version: str, name: str, content: bytes, told: Mapping[str, Any]) -> OldPickle:
    return OldPickle(made_by, version, name, content, told["rows"], {key: told[key] for key in told if key != "rows"})


def pack(made_by: str, made: Path) -> None:
    """Puts what `models.py` wrote into one file; the same content gives the same bytes."""
    FOLDER.mkdir(exist_ok=True)
    with zipfile.ZipFile(FOLDER / f"{made_by}.zip", "w", zipfile.ZIP_DEFLATED) as packed:
        for path in sorted(made.iterdir()):
            packed.writestr(zipfile.ZipInfo(path.name), path.read_bytes(), zipfile.ZIP_DEFLATED)
