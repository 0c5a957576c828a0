"""Owns what would go wrong with the models of a push: not in git, other in git, refused by their trial. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath

from server.doctor.checkout import Checkout
from server.doctor.finding import Finding
from server.fetching.address import read_addresses
from server.models.folder import PICKLES
from server.settings import BadSetting, Settings

Refusals = Mapping[str, str]  # reasons by the path of a model's file


def find_in_models(
    checkout: Checkout, folder: str, files: Sequence[str], refused: Refusals, *, elsewhere: bool
) -> Iterator[Finding]:
    """``files``: the model files here and what signs them; every path is relative to the checkout.

    ``elsewhere``: others are fetched before the start.
    """
    committed = committed_models(checkout, folder)
    yield from _pickles(checkout, folder)
    for path in files:
        yield from _left_behind(checkout, path)
    for path in committed:
        if not (checkout.root / path).is_file():
            yield Finding(
                f"{path} is gone here, but a push still brings it", f"git rm '{path}' && git commit -m 'Remove it'"
            )
    for path, reason in refused.items():
        if path not in checkout.pointers and PurePosixPath(path).suffix.lower() not in PICKLES:
            yield Finding(
                f"the server refuses {reason}",
                f"convert it again (make convert MODEL=...), or: git rm -r '{_model_folder(path, folder)}'",
            )
    if not committed and not files and not elsewhere:
        yield Finding(
            f"no model is committed in {folder}/: the app would serve none",
            f"make convert MODEL=path/to/model.pkl, then git add {folder} && git commit -m 'Add a model'",
        )


def committed_models(checkout: Checkout, folder: str) -> list[str]:
    """The model files that a push takes."""
    return [path for path in checkout.committed if path.startswith(f"{folder}/") and path.endswith(".onnx")]


def names_fetched(settings: Settings) -> set[str]:
    """The names of models that are fetched; of an archive nobody knows them, so the default model may be in it."""
    try:
        places = [address.place for address in read_addresses(settings.models_from)]
    except BadSetting:
        return set()
    return {place.partition("/")[0] if place else settings.default_model or "" for place in places}


def names_of(paths: Sequence[str], folder: str) -> set[str]:
    """The names of models: of ``models/<name>/<version>/model.onnx`` and ``models/<name>.onnx``."""
    return {PurePosixPath(path).relative_to(folder).parts[0].removesuffix(".onnx") for path in paths}


def _left_behind(checkout: Checkout, path: str) -> Iterator[Finding]:
    """Whether a push takes a file as it is here."""
    commit = f"git add '{path}' && git commit -m 'Add the model'"
    if path in checkout.ignored:
        yield Finding(f"{path} is ignored by git, so a push leaves it", f"git add --force '{path}' && {commit}")
    elif path not in checkout.committed:
        yield Finding(f"{path} is not committed, so a push leaves it", commit)
    elif path in checkout.changed:
        yield Finding(f"{path} is other here than committed: a push takes the old", commit)
    elif path in checkout.pointers:
        yield Finding(
            f"{path} is in git as a pointer of Git LFS, which Heroku does not follow: the dyno gets text instead",
            f"git lfs untrack '*.onnx' && git add --renormalize . && {commit}",
        )
    elif path in checkout.rewritten:
        yield Finding(
            f"git changes the bytes of {path}, by an attribute or a filter",
            f"echo '*.onnx binary -filter' >> .gitattributes && git add --renormalize . .gitattributes && {commit}",
        )


def _pickles(checkout: Checkout, folder: str) -> Iterator[Finding]:
    everything = {*checkout.committed, *checkout.untracked, *checkout.ignored}
    for path in sorted(everything):
        if path.startswith(f"{folder}/") and PurePosixPath(path).suffix.lower() in PICKLES:
            forget = f" && git rm --cached '{path}'" if path in checkout.committed else ""
            yield Finding(
                f"{path} is a pickle: the server opens none",
                f"mkdir -p build && mv '{path}' build/{forget} && make convert MODEL=build/{PurePosixPath(path).name}",
            )


def _model_folder(path: str, folder: str) -> str:
    """What of the models folder is this model's."""
    name = PurePosixPath(path).relative_to(folder).parts[0]
    return f"{folder}/{name}"
