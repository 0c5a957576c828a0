"""Owns the trying of a whole models folder, as a server tries it when it starts, and its reasons. Knows no git."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from server.models.bulletin import Bulletin
from server.models.loading import loader
from server.models.repository import Model
from server.models.signed import make_check
from server.models.watcher import RepositoryWatcher
from server.settings import Settings


class Tried(NamedTuple):
    """The models that serve, and the reasons why others do not, by name and version."""

    models: tuple[Model, ...]
    refused: dict[tuple[str, str], str]


def try_models(folder: Path, settings: Settings, memory_bytes: int | None) -> Tried:
    """Opens every file in a confined child and answers its golden rows. Raises BadSetting for a bad public key.

    ``memory_bytes``: of the machine that will serve, of which a trial gets half; None: no limit.
    """
    load = loader(settings, make_check(settings.verify_key))
    watcher = RepositoryWatcher(folder, load, Bulletin(), default_model=None, box_bytes=memory_bytes)
    watcher.load_all(strict=False)
    repository = watcher.repository()
    return Tried(tuple(repository), dict(repository.refused))
