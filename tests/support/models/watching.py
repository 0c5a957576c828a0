"""Puts model files into a folder as a person does, and steps a watcher until something is so."""

from __future__ import annotations

import select
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from server.models.bulletin import Bulletin
from server.models.repository import Model
from server.models.watcher import RepositoryWatcher
from tests.support.models.loading import load_version
from tests.support.server.models import plain

PATIENCE = 30.0


def put(folder: Path, place: str, data: bytes | None = None) -> Path:
    """Writes a model file as a careful person does: whole, by rename."""
    path = folder / place
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    part.write_bytes(plain().data if data is None else data)
    part.rename(path)
    return path


def watcher(
    folder: Path, load: Callable[..., Model] = load_version, default_model: str | None = None
) -> RepositoryWatcher:
    """The models of a folder, none loaded yet."""
    return RepositoryWatcher(folder, load, Bulletin(), default_model=default_model, box_bytes=None)


def started(folder: Path, **settings: Any) -> RepositoryWatcher:
    """The models of a folder, all that is good loaded."""
    watched = watcher(folder, **settings)
    watched.load_all(strict=False)
    return watched


def until(watched: RepositoryWatcher, reached: Callable[[], bool]) -> None:
    """Steps until something is so."""
    began = time.monotonic()
    while True:
        watched.step()
        if reached():
            return
        assert time.monotonic() - began < PATIENCE, "it never came"
        select.select(watched.waits_for(), [], [], min(0.05, watched.seconds_to_wait()))


def served(watched: RepositoryWatcher) -> list[tuple[str, str]]:
    """The versions that serve, the default of each name first."""
    return [(model.name, model.version) for model in watched.repository()]
