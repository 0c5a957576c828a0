"""Owns what a test of sklearn-onnx or onnxmltools leaves behind: a model, its rows, its answers. Knows no converting.

Such a test writes NAME.model.pkl, NAME.data.pkl and NAME.expected.pkl. They are opened as the pickles they are: only
dumps that one trusts.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MODEL, DATA, EXPECTED = ".model.pkl", ".data.pkl", ".expected.pkl"


@dataclass(frozen=True, slots=True)
class Dump:
    """Where one model's files are; ``suite`` is the folder that was named, ``name`` the test's own."""

    suite: str
    name: str
    folder: Path

    def read(self) -> tuple[Any, bytes, Any, Any]:
        """The model, its pickle, the rows of its test, and the answers written down there (None: there are none).

        The model is None where its classes are in no module that is here.
        """
        pickled = (self.folder / f"{self.name}{MODEL}").read_bytes()
        try:
            model = pickle.loads(pickled)  # noqa: S301
        except (ImportError, AttributeError):
            model = None
        return model, pickled, self._opened(DATA), self._opened(EXPECTED)

    def _opened(self, ending: str) -> Any:
        path = self.folder / f"{self.name}{ending}"
        return pickle.loads(path.read_bytes()) if path.exists() else None  # noqa: S301


def find(folder: Path) -> Iterator[Dump]:
    """Every dump in a folder and below it that has rows, by name."""
    for path in sorted(folder.rglob(f"*{MODEL}")):
        name = path.name.removesuffix(MODEL)
        if path.stat().st_size and (path.parent / f"{name}{DATA}").exists():
            yield Dump(folder.name, name, path.parent)
