"""Writes model files and loads them as a trial's child does, under limits that a test hardly needs to name."""

from __future__ import annotations

import errno
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from server.models.folder import VersionFile
from server.models.loading import load_model
from server.models.repository import Model
from server.models.trial import Findings
from tests.support.server.models import plain

LIMITS = {"max_rows": 100, "max_batch_rows": 64, "max_body_bytes": 1 << 24, "ort_threads": 1, "batch": "proven"}


def load_version(file: VersionFile, tried: Findings | None = None, **limits: Any) -> Model:
    """One version of a model, loaded, tried and warm. Raises what `load_model` raises."""
    return load_model(file, tried, **{**LIMITS, **limits})


def put(folder: Path, file: str, data: bytes | None = None) -> Path:
    """Writes a model file, a plain one without ``data``; returns its path."""
    path = folder / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(plain().data if data is None else data)
    return path


def refuse(monkeypatch: pytest.MonkeyPatch, way: str, refused: Path) -> None:
    """Makes the system refuse to look at one path by ``stat`` or ``scandir``, as it does without right, or disk."""
    owner: Any = Path if way == "stat" else os
    original = getattr(owner, way)

    def looked(path: Any, *arguments: Any, **named: Any) -> Any:
        if Path(path) == refused:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return original(path, *arguments, **named)

    monkeypatch.setattr(owner, way, looked)


def load(path: Path) -> Model:
    """Loads one file as model m, version 7."""
    return load_version(VersionFile("m", "7", path))


def crash(file: VersionFile, tried: Findings | None = None, **limits: Any) -> Model:
    """Loads; but crashes the child that tries a file of the name "bad", as ONNX Runtime might on a hostile file."""
    if tried is None and file.name == "bad":
        os.kill(os.getpid(), signal.SIGSEGV)
    return load_version(file, tried, **limits)


def greedy(file: VersionFile, tried: Findings | None = None, **limits: Any) -> Model:
    """Loads; but of the name "bad" needs far more memory in the process that opens it than in its trial."""
    if tried is not None and file.name == "bad":
        bytes(4 << 30)
    return load_version(file, tried, **limits)
