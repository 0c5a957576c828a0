"""Owns the course of an examination: reads the checkout, its models and packages, and asks each file of rules.

Everything that waits stands here and in checkout.py; the rules themselves are pure.
"""

from __future__ import annotations

import functools
import os
import zlib
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

from server.artefact.footprint import Footprint, footprint_of, footprint_of_all
from server.artefact.onnxfile import BadFile, read_onnxfile
from server.doctor.buildpack import find_in_build
from server.doctor.checkout import Checkout, look_at_models, read_checkout
from server.doctor.configuration import (
    VERIFY_KEY,
    Configuration,
    find_in_configuration,
    key_lost,
    read_configuration,
)
from server.doctor.finding import Finding
from server.doctor.memory import DEFAULT_SIZE, find_in_memory, size_named
from server.doctor.models import committed_models, find_in_models, names_fetched, names_of
from server.doctor.requirements import pinned
from server.doctor.slug import find_in_slug
from server.doctor.trying import try_models
from server.models.folder import scan
from server.models.signed import signature_path
from server.settings import BadSetting, Settings

SAME_THERE = ("numpy", "onnxruntime")  # of other versions a trial here says little of there
ENTRY = "server/__main__.py"
MODELS = "DYNONNX_MODELS"
SAMPLE_BYTES = 1 << 16  # of each end of a file, compressed to reckon with the whole


class Asked(NamedTuple):
    """What a person says beside the checkout. ``size``: of the dyno; ``is_open``: meant to answer anyone."""

    environment: Mapping[str, str]
    config_vars: Mapping[str, str]
    size: str | None
    is_open: bool


class Examined(NamedTuple):
    """What was found, and what a push brings where nothing was."""

    findings: tuple[Finding, ...]
    summary: str


def examine(folder: Path, asked: Asked) -> Examined:
    """Examines the checkout round a folder. Raises NoCheckout."""
    checkout = read_checkout(folder)
    if larger := _larger(checkout, folder.resolve()):
        return Examined((larger,), "")
    configuration = read_configuration(checkout.texts, asked.environment, asked.config_vars)
    models = configuration.settings.models
    inside = _relative(models, checkout.root)
    if inside is None:
        lost = Finding(
            f"the models folder {models} is outside of the repository: no push takes it", configuration.mend(MODELS)
        )
        return Examined((lost,), "")
    checkout = look_at_models(checkout, str(inside))
    findings = [*_all(checkout, str(inside), configuration, asked)]
    count = len(committed_models(checkout, str(inside)))
    return Examined(tuple(dict.fromkeys(findings)), f"a push brings {count} model file{'s' * (count != 1)}")


def _all(checkout: Checkout, models: str, configuration: Configuration, asked: Asked) -> Iterator[Finding]:
    settings, committed = configuration.settings, committed_models(checkout, models)
    size = asked.size or configuration.size or DEFAULT_SIZE
    if not checkout.committed:
        yield Finding("nothing is committed yet: there is nothing to push", "git add . && git commit -m 'Begin'")
        return
    if checkout.shallow:
        yield Finding("this clone is shallow, and Heroku refuses to be pushed one", "git fetch --unshallow")
    try:
        refused = _refused(checkout, models, settings, size)
    except BadSetting as error:
        refused = {}
        if not key_lost(checkout, settings):
            yield Finding(str(error), configuration.mend(VERIFY_KEY))
    files, mend = _files(checkout.root, models), configuration.mend(MODELS)
    yield from find_in_models(checkout, models, files, refused, elsewhere=bool(settings.models_from), mend=mend)
    yield from find_in_build(checkout)
    yield from find_in_slug(checkout, models, _installed(checkout), functools.partial(_packed_share, checkout.root))
    served = names_of(committed, models) | names_fetched(settings)
    yield from find_in_configuration(checkout, configuration, served, asked.is_open)
    footprint = footprint_of_all(_footprint(checkout, path) for path in committed)
    yield from find_in_memory(settings, size, footprint, configuration.mend)
    yield from _packages(checkout)


def _footprint(checkout: Checkout, path: str) -> Footprint:
    """By what the file here uses, of the size that git holds; one that is not here, or no model, is of no kind."""
    size = checkout.committed[path].size
    try:
        file = read_onnxfile((checkout.root / path).read_bytes())
    except (OSError, BadFile):
        return footprint_of(size, (), 0)
    return footprint_of(size, file.operators, file.largest_node)


def _files(root: Path, models: str) -> list[str]:
    """Every model file of the folder, and what signs it."""
    paths = [file.path for file in scan(root / models).files]
    signatures = [signature_path(path) for path in paths if signature_path(path).is_file()]
    return [str(path.relative_to(root)) for path in (*paths, *signatures)]


def _refused(checkout: Checkout, models: str, settings: Settings, size: str) -> dict[str, str]:
    """The reasons by the path of a model's file. Raises BadSetting for a bad public key."""
    folder = checkout.root / models
    paths = {(file.name, file.version): file.path for file in scan(folder).files}
    dyno = size_named(size)
    tried = try_models(folder, settings, dyno.memory_bytes if dyno else None)
    return {
        str(paths.get(key, folder / key[0]).relative_to(checkout.root)): f"{models}/{reason}"
        for key, reason in tried.refused.items()
    }


def _installed(checkout: Checkout) -> dict[str, int]:
    """Bytes of the required packages that are installed here."""
    found = {}
    for name in pinned(checkout.texts):
        try:
            found[name] = sum(file.size or 0 for file in metadata.files(name) or ())
        except metadata.PackageNotFoundError:
            continue
    return found


def _packages(checkout: Checkout) -> Iterator[Finding]:
    wanted = pinned(checkout.texts)
    for name in SAME_THERE:
        here = metadata.version(name)
        if wanted.get(name) and wanted[name] != here:
            yield Finding(
                f"models are tried with {name} {here} here, and served with {wanted[name]} there",
                "make install, with the requirements.txt that is committed",
            )


def _packed_share(root: Path, path: str) -> float:
    """What share of a file is left when it is compressed, from its two ends; 1 for a file that is not here."""
    try:
        with (root / path).open("rb") as file:
            sample = file.read(SAMPLE_BYTES)
            if (size := file.seek(0, 2)) > 2 * SAMPLE_BYTES:
                file.seek(size - SAMPLE_BYTES)
                sample += file.read(SAMPLE_BYTES)
    except OSError:
        return 1.0
    return len(zlib.compress(sample)) / len(sample) if sample else 1.0


def _relative(models: Path, root: Path) -> Path | None:
    """The models folder as seen from the root; None where it is outside."""
    folder = Path(os.path.normpath(root / models))
    return folder.relative_to(root) if folder.is_relative_to(root) else None


def _larger(checkout: Checkout, folder: Path) -> Finding | None:
    """Whether the server is in a folder of somebody's larger repository, whose root a push would build."""
    if (checkout.root / ENTRY).is_file() or not (folder / ENTRY).is_file():
        return None
    inside = str(folder.relative_to(checkout.root))
    what = f"this is the folder {inside}/ of a larger repository, and a push builds the root of that"
    if any(path.startswith(f"{inside}/") for path in checkout.committed):
        return Finding(what, f'git -C "$(git rev-parse --show-toplevel)" subtree push --prefix {inside} heroku main')
    return Finding(what, 'git init && git add . && git commit -m "Begin"')
