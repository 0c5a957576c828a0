"""Owns the course of an examination: reads the checkout, its models and packages, and asks each file of rules.

Everything that waits stands here and in checkout.py; the rules themselves are pure.
"""

from __future__ import annotations

import functools
import os
import platform
import re
import shlex
import zlib
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

from server.artefact.footprint import Footprint, footprint_of, footprint_of_all
from server.artefact.onnxfile import BadFile, read_onnxfile
from server.doctor.buildpack import PYTHONS, find_in_build, python_of
from server.doctor.checkout import Checkout, look_at_models, read_checkout
from server.doctor.configuration import (
    VERIFY_KEY,
    Configuration,
    find_in_configuration,
    key_lost,
    read_configuration,
)
from server.doctor.finding import Finding
from server.doctor.memory import DEFAULT_SIZE, find_in_memory, is_fir, size_named
from server.doctor.models import USUAL, committed_models, find_in_models, names_fetched, names_of
from server.doctor.requirements import NEEDED, pinned, runs_on
from server.doctor.slug import find_in_slug, shipped
from server.doctor.trying import try_models
from server.models.files import read_inside
from server.models.folder import scan
from server.models.signed import signature_path
from server.settings import BadSetting, Settings

SAME_THERE = ("numpy", "onnxruntime")  # of other versions a trial here says little of there
ENTRY = "server/__main__.py"
MODELS = "DYNONNX_MODELS"
HEROKU_COMMAND = re.compile(r"\bheroku (?:config|ps|buildpacks)(?::\w+)?")
SAMPLE_BYTES = 1 << 16  # of each end of a file, compressed to reckon with the whole


class Asked(NamedTuple):
    """What a person says beside the checkout. ``size``: of the dyno; ``is_open``: meant to answer anyone."""

    environment: Mapping[str, str]
    config_vars: Mapping[str, str]
    size: str | None
    is_open: bool
    remote: str | None = None  # of several apps the one that is meant


class Examined(NamedTuple):
    """What was found, and what a push brings where nothing was."""

    findings: tuple[Finding, ...]
    summary: str


def examine(folder: Path, asked: Asked) -> Examined:
    """Examines the checkout round a folder. Raises NoCheckout."""
    checkout = read_checkout(folder)
    if larger := _larger(checkout, folder.resolve()):
        return Examined((larger,), "")
    if asked.remote is not None and asked.remote not in checkout.apps:
        return Examined((_no_app(checkout, asked.remote),), "")
    configuration = read_configuration(checkout.texts, asked.environment, asked.config_vars)
    models = configuration.settings.models
    inside = _relative(models, checkout.root)
    if inside is None:
        lost = Finding(
            f"the models folder {models} is outside of the repository: no push takes it", configuration.mend(MODELS)
        )
        return Examined((lost,), "")
    checkout = look_at_models(checkout, str(inside))
    findings = [_of_app(found, checkout, asked.remote) for found in _all(checkout, str(inside), configuration, asked)]
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
    refused, tried = {}, True
    try:
        refused = _refused(checkout, models, settings, size)
    except BadSetting as error:
        tried = False
        if not key_lost(checkout, settings):
            yield Finding(str(error), configuration.mend(VERIFY_KEY))
    files, mend = _files(checkout.root, models), configuration.mend(MODELS)
    opened = set(files) - refused.keys() if tried else set()
    outside, elsewhere = _outside(checkout, models, is_fir(size)), bool(settings.models_from)
    yield from find_in_models(checkout, models, files, refused, outside, elsewhere=elsewhere, mend=mend)
    yield from find_in_build(checkout)
    packed = functools.partial(_packed_share, checkout.root)
    yield from find_in_slug(checkout, models, _installed(checkout), packed, is_fir=is_fir(size))
    served = names_of(committed, models) | names_fetched(settings)
    yield from find_in_configuration(checkout, configuration, served, asked.is_open, asked.remote)
    footprint = footprint_of_all(_footprint(checkout, path, path in opened) for path in committed)
    yield from find_in_memory(settings, size, footprint, configuration.mend)
    yield from _packages(checkout)


def _footprint(checkout: Checkout, path: str, opened: bool) -> Footprint:
    """By what the file here uses, of the size that git holds; one that is not here, or no model, is of no kind.

    ``opened``: in its trial, within limits, so that reading it here takes no more than these.
    """
    size = checkout.committed[path].size
    if not opened:
        return footprint_of(size, (), 0)
    try:
        file = read_onnxfile(read_inside(checkout.root, checkout.root / path))
    except (OSError, BadFile):
        return footprint_of(size, (), 0)
    return footprint_of(size, file.operators, file.largest_node)


def _outside(checkout: Checkout, models: str, on_fir: bool) -> list[str]:
    """Model files that would ship, in a folder where no server looks; the usual one may hold what is not meant."""
    everything = [*shipped(checkout, is_fir=on_fir), *(path for path in checkout.untracked if "/" not in path)]
    onnx = [path for path in everything if path.lower().endswith(".onnx")]
    return sorted(path for path in onnx if not path.startswith((f"{models}/", f"{USUAL}/")))


def _no_app(checkout: Checkout, remote: str) -> Finding:
    there = f"there is {', '.join(checkout.apps)}" if checkout.apps else "there is none"
    return Finding(f"no remote of Heroku's is called {remote}: {there}", "heroku git:remote --app YOUR-APP")


def _of_app(found: Finding, checkout: Checkout, remote: str | None) -> Finding:
    """Of several apps Heroku's command wants to be told which."""
    if remote is None or len(checkout.apps) < 2:
        return found
    return found._replace(remedy=HEROKU_COMMAND.sub(rf"\g<0> --remote {shlex.quote(remote)}", found.remedy))


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
    sizes = {name: _size_of(name) for name in pinned(checkout.texts)}
    return {name: size for name, size in sizes.items() if size is not None}


@functools.cache
def _size_of(name: str) -> int | None:
    """Bytes of an installed package, by its list of files, each of which is looked for; None where there is none."""
    try:
        return sum(file.size or 0 for file in metadata.files(name) or ())
    except metadata.PackageNotFoundError:
        return None


def _packages(checkout: Checkout) -> Iterator[Finding]:
    wanted, python = pinned(checkout.texts), python_of(checkout.texts)
    for name in NEEDED:
        if python in PYTHONS and name in wanted and _wants_another(name, wanted[name], python):
            yield Finding(
                f"{name} {wanted[name]} does not run on Python {python}, which .python-version names",
                f"echo {platform.python_version().rpartition('.')[0]} > .python-version && git add .python-version"
                " && git commit -m 'Mend the build'",
            )
    for name in SAME_THERE:
        here = metadata.version(name)
        if wanted.get(name) and wanted[name] != here:
            yield Finding(
                f"models are tried with {name} {here} here, and served with {wanted[name]} there",
                "make install, with the requirements.txt that is committed",
            )


def _wants_another(name: str, version: str, python: str) -> bool:
    """Whether a package, as it is installed here, says that it does not run on a Python."""
    try:
        about = metadata.metadata(name)
    except metadata.PackageNotFoundError:
        return False
    (wants, *_) = about.get_all("Requires-Python") or [""]
    return about["Version"] == version and not runs_on(wants, python)


def _packed_share(root: Path, path: str) -> float:
    """What share of a file is left when it is compressed, from its two ends; 1 for one that is no file here.

    Of a link git holds where it leads, which may be a pipe or a terminal.
    """
    if (root / path).is_symlink() or not (root / path).is_file():
        return 1.0
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
