"""Tries every model of a folder in a process of its own, for a replica that must not: `python -m deploy.ray.trial`.

A trial forks, and a child that is forked beside Ray's threads may crash by chance. Settings come from the environment;
findings go to standard output, as JSON.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import orjson

from server.logs import log
from server.models.bulletin import Bulletin
from server.models.folder import scan
from server.models.loading import loader
from server.models.repository import BadRepository, Repository
from server.models.signed import make_check
from server.models.trial import Findings
from server.models.watcher import RepositoryWatcher
from server.settings import BadSetting, Settings, read_settings


def open_models(settings: Settings, given: Mapping[str, str]) -> Repository:
    """Has every model fetched and tried elsewhere, and opens what serves. ``given``: what ``settings`` were read of.

    Raises BadRepository; ChangedMeanwhile for a file that changed since its trial.
    """
    if settings.models_from:
        _run(given, "server", "fetch")
    told: Any = orjson.loads(_run(given, "deploy.ray.trial"))
    files = {(file.name, file.version): file for file in scan(settings.models).files}
    load = loader(settings, make_check(settings.verify_key))
    models = [
        load(files[name, version], Findings.from_bytes(orjson.dumps(findings)))
        for name, version, findings in told["models"]
    ]
    refused = {(name, version): reason for name, version, reason in told["refused"]}
    return Repository(models, refused, settings.default_model)


def _run(given: Mapping[str, str], *module: str) -> bytes:
    """The output of a module of ours that runs by itself; what it warns of is logged. Raises BadRepository."""
    environment = {**os.environ, **given, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-m", *module]
    done = subprocess.run(command, env=environment, capture_output=True, check=False)  # noqa: S603
    said = done.stderr.decode(errors="replace")
    if done.returncode:
        raise BadRepository(said.strip() or f"{' '.join(module)} ended with {done.returncode}")
    for line in said.splitlines():
        log.warning("%s", line)
    return done.stdout


def _try_models(settings: Settings) -> bytes:
    load = loader(settings, make_check(settings.verify_key))
    watcher = RepositoryWatcher(settings.models, load, Bulletin(), default_model=settings.default_model, box_bytes=None)
    watcher.load_all(settings.strict)
    repository = watcher.repository()
    told = {
        "models": [(model.name, model.version, orjson.Fragment(model.findings().to_bytes())) for model in repository],
        "refused": [(*key, reason) for key, reason in repository.refused.items()],
    }
    if not told["models"]:
        raise BadRepository(f"{settings.models.absolute()} has no model that serves: {told['refused']}")
    return orjson.dumps(told)


def main() -> int:
    """Returns the exit status: 1 for a bad setting, or a folder of which nothing serves."""
    try:
        sys.stdout.buffer.write(_try_models(read_settings(os.environ)))
    except (BadSetting, BadRepository) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
