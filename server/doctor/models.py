"""Owns what would go wrong with the models of a push: not in git, other there, misplaced, refused by a trial. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

from server.doctor.checkout import Checkout
from server.doctor.finding import Finding
from server.fetching.address import read_addresses
from server.models.folder import PICKLES
from server.settings import BadSetting, Settings

Refusals = Mapping[str, str]  # reasons by the path of a model's file
USUAL = "models"  # the folder, without a setting
COMMIT = "git commit -m 'Add the model'"


def find_in_models(
    checkout: Checkout,
    folder: str,
    files: Sequence[str],
    refused: Refusals,
    outside: Sequence[str] = (),
    *,
    elsewhere: bool,
    mend: str,
) -> Iterator[Finding]:
    """``files``: the model files here and what signs them; every path is relative to the checkout.

    ``outside``: model files that would ship, and lie in another folder. ``elsewhere``: others are fetched before the
    start; ``mend``: what takes the folder's setting back.
    """
    yield from _pickles(checkout, folder)
    yield from _misplaced(checkout, folder)
    out = {path: link for path in (*files, *refused) if (link := _leading_out(checkout.root, folder, path))}
    yield from _links(out.values())
    if folder in out.values():
        return  # what is in git beside it says nothing
    yield from _not_fetched(checkout, folder, files)
    for path in files:
        if path not in out:
            yield from _left_behind(checkout, path)
    for path in outside:
        yield _elsewhere(path, folder)
    for path in committed_models(checkout, folder):
        if not (checkout.root / path).is_file() and path not in checkout.unwatched:
            yield Finding(
                f"{path} is gone here, but a push still brings it",
                f"git rm {shlex.quote(path)} && git commit -m 'Remove it'",
            )
    for path, reason in refused.items():
        known = path in checkout.pointers or path in out
        if not known and PurePosixPath(path).suffix.lower() not in PICKLES:
            yield Finding(
                f"the server refuses {reason}",
                f"convert it again (make convert MODEL=...), or: git rm -r {shlex.quote(_model_folder(path, folder))}",
            )
    if not (_onnx(checkout, folder) or files or outside or elsewhere or _inner(checkout, folder)):
        yield _none(checkout, folder, mend)


def committed_models(checkout: Checkout, folder: str) -> list[str]:
    """The model files that a push takes, at places where the server looks."""
    return [path for path in _onnx(checkout, folder) if path in checkout.committed and _place(path, folder) is None]


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


def _onnx(checkout: Checkout, folder: str) -> list[str]:
    """Whatever is called so in the models folder, in git or beside it."""
    everything = sorted({*checkout.committed, *checkout.untracked, *checkout.ignored})
    return [path for path in everything if path.startswith(f"{folder}/") and path.lower().endswith(".onnx")]


def _place(path: str, folder: str) -> str | None:
    """Where in the models folder a file would be looked for, if it is not where it is."""
    parts = PurePosixPath(path).relative_to(folder).parts
    if (len(parts) == 1 and path.endswith(".onnx")) or (len(parts) == 3 and parts[2] == "model.onnx"):
        return None
    if len(parts) == 1:
        return f"{folder}/{PurePosixPath(path).stem}/1/model.onnx"
    return f"{folder}/{parts[0]}/{parts[1] if len(parts) > 2 else '1'}/model.onnx"


def _misplaced(checkout: Checkout, folder: str) -> Iterator[Finding]:
    for path in _onnx(checkout, folder):
        if place := _place(path, folder):
            yield Finding(
                f"{path} is where no server looks for a model: that is {place}",
                f"mkdir -p {shlex.quote(str(PurePosixPath(place).parent))}"
                f" && mv {shlex.quote(path)} {shlex.quote(place)} && git add --all {shlex.quote(folder)} && {COMMIT}",
            )


def _left_behind(checkout: Checkout, path: str) -> Iterator[Finding]:
    """Whether a push takes a file as it is here."""
    file = shlex.quote(path)
    commit = f"git add {file} && {COMMIT}"
    inside = next((nested for nested in sorted(checkout.nested) if path.startswith(f"{nested}/")), None)
    if inside is not None:
        where = shlex.quote(inside)
        source = checkout.inner.get(inside)
        brings = f"brings its address alone, for the build to ask {source}" if source else "leaves what is in it"
        yield Finding(
            f"{inside}/ is a git repository of its own, so a push {brings}",
            f"git rm -r --cached --quiet --ignore-unmatch {where} ; rm -rf {where}/.git && git add {where} && {COMMIT}",
        )
    elif path in checkout.ignored:
        yield Finding(f"{path} is ignored by git, so a push leaves it", f"git add --force {file} && {COMMIT}")
    elif path not in checkout.committed:
        yield Finding(f"{path} is not committed, so a push leaves it", commit)
    elif path in checkout.unwatched:
        yield Finding(
            f"{path} is other here than committed, and git was told not to look at it: a push takes the old",
            f"git update-index --no-skip-worktree {file} && git update-index --no-assume-unchanged {file} && {commit}",
        )
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


def _leading_out(root: Path, folder: str, path: str) -> str | None:
    """The link on the way to a file that leads out of the models folder, or is that folder; None without."""
    inside = (root / folder).resolve()
    for step in reversed((PurePosixPath(path), *PurePosixPath(path).parents)):
        place = root / step
        if place.is_symlink() and (str(step) == folder or not place.resolve().is_relative_to(inside)):
            return str(step)
    return None


def _links(links: Iterable[str]) -> Iterator[Finding]:
    for link in dict.fromkeys(links):
        here, whole = shlex.quote(link), shlex.quote(f"{link}.whole")
        yield Finding(
            f"{link} is a link: git keeps where it leads, which is nowhere on a dyno",
            f"cp -RL {here} {whole} && rm {here} && mv {whole} {here} && git add {here} && {COMMIT}",
        )


def _inner(checkout: Checkout, folder: str) -> list[str]:
    return [path for path in checkout.inner if f"{path}/".startswith(f"{folder}/")]


def _not_fetched(checkout: Checkout, folder: str, files: Sequence[str]) -> Iterator[Finding]:
    """Repositories within the models folder of which nothing is here."""
    for path in _inner(checkout, folder):
        if not any(file.startswith(f"{path}/") for file in files):
            forget = f"git rm --cached --quiet {shlex.quote(path)} && git commit -m 'Remove it'"
            known = bool(checkout.inner[path])
            yield Finding(
                f"{path}/ is a repository of its own, and no model of it is here",
                f"git submodule update --init {shlex.quote(path)}, then make doctor" if known else forget,
            )


def _elsewhere(path: str, folder: str) -> Finding:
    parts = PurePosixPath(path).parts
    name, version = parts[-3:-1] if parts[-1] == "model.onnx" and len(parts) > 2 else (PurePosixPath(path).stem, "1")
    place = f"{folder}/{name}/{version}"
    return Finding(
        f"{path} is outside of {folder}/, where no server looks for a model",
        f"mkdir -p {shlex.quote(place)} && mv {shlex.quote(path)} {shlex.quote(f'{place}/model.onnx')}"
        f" && git add --all {shlex.quote(parts[0])} {shlex.quote(folder)} && {COMMIT}",
    )


def _pickles(checkout: Checkout, folder: str) -> Iterator[Finding]:
    everything = {*checkout.committed, *checkout.untracked, *checkout.ignored}
    for path in sorted(everything):
        if path.startswith(f"{folder}/") and PurePosixPath(path).suffix.lower() in PICKLES:
            file, moved = shlex.quote(path), shlex.quote(f"build/{PurePosixPath(path).name}")
            forget = f"git rm --cached --quiet {file} && git commit -m 'Remove a pickle' && "
            forget *= path in checkout.committed
            yield Finding(
                f"{path} is a pickle: the server opens none",
                f"mkdir -p build && mv {file} build/ && {forget}make convert MODEL={moved}",
            )


def _none(checkout: Checkout, folder: str, mend: str) -> Finding:
    add = f"git add {shlex.quote(folder)} && git commit -m 'Add a model'"
    what = f"no model is committed in {folder}/: the app would serve none"
    if folder == USUAL:
        return Finding(what, f"make convert MODEL=path/to/model.pkl, then {add}")
    if _onnx(checkout, USUAL):
        return Finding(f"{what}; there are some in {USUAL}/", mend)
    return Finding(what, f'make convert MODEL=path/to/model.pkl ARGS="--out {shlex.quote(folder)}", then {add}')


def _model_folder(path: str, folder: str) -> str:
    """What of the models folder is this model's."""
    return f"{folder}/{PurePosixPath(path).relative_to(folder).parts[0]}"
