"""Owns what git says of a checkout: what a push would take, and what it would leave. Knows no models, no dynos."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

TEXTS = ("Procfile", "app.json", ".slugignore", ".python-version", "runtime.txt", "requirements.txt")
POINTER = "version https://git-lfs.github.com/spec/"  # how a Git LFS pointer begins
MAX_POINTER_BYTES = 1024
GIT_SECONDS = 60


class NoCheckout(Exception):
    """There is no git repository here; the message is git's."""


class Blob(NamedTuple):
    """What git holds of one file: the hash of its content, and its size in bytes."""

    name: str
    size: int


@dataclass(frozen=True, slots=True)
class Checkout:
    """A checkout as git sees it; every path is relative to ``root``."""

    root: Path
    committed: Mapping[str, Blob]
    changed: frozenset[str]  # other here, or in the index, than committed
    untracked: frozenset[str]
    ignored: frozenset[str]  # of the models folder
    rewritten: frozenset[str]  # of the models folder: git keeps other bytes than are here
    pointers: frozenset[str]  # of the models folder: git holds the pointer of Git LFS, not the file
    texts: Mapping[str, str]  # the committed content of `TEXTS`
    shallow: bool
    pushes_to_heroku: bool  # a remote of Heroku's is set up


def read_checkout(folder: Path) -> Checkout:
    """Asks git of the repository round a folder, but for its models: `look_at_models` adds these. Raises NoCheckout."""
    root = Path(_git(folder, "rev-parse", "--show-toplevel").strip())
    begun = _succeeds(root, "rev-parse", "--verify", "--quiet", "HEAD")
    committed = dict(_tree(root)) if begun else {}
    return Checkout(
        root=root,
        committed=committed,
        changed=frozenset(_paths(root, "diff", "--name-only", "--no-renames", "-z", "HEAD")) if begun else frozenset(),
        untracked=frozenset(_paths(root, "ls-files", "--others", "--exclude-standard", "-z")),
        ignored=frozenset(),
        rewritten=frozenset(),
        pointers=frozenset(),
        texts={name: _git(root, "cat-file", "blob", committed[name].name) for name in TEXTS if name in committed},
        shallow=_git(root, "rev-parse", "--is-shallow-repository").strip() == "true",
        pushes_to_heroku="heroku" in _git(root, "remote", "--verbose"),
    )


def look_at_models(checkout: Checkout, folder: str) -> Checkout:
    """The same checkout with what git says of the files of the models folder."""
    root = checkout.root
    ignored = _paths(root, "ls-files", "--others", "--ignored", "--exclude-standard", "-z", "--", folder)
    inside = [path for path in checkout.committed if path.startswith(f"{folder}/")]
    small = [path for path in inside if checkout.committed[path].size <= MAX_POINTER_BYTES]
    pointers = [path for path in small if _blob(root, checkout.committed[path].name).startswith(POINTER)]
    return Checkout(
        root=root,
        committed=checkout.committed,
        changed=checkout.changed,
        untracked=checkout.untracked,
        ignored=frozenset(ignored),
        rewritten=frozenset(_rewritten(checkout, inside)) - frozenset(pointers),
        pointers=frozenset(pointers),
        texts=checkout.texts,
        shallow=checkout.shallow,
        pushes_to_heroku=checkout.pushes_to_heroku,
    )


def _rewritten(checkout: Checkout, paths: Iterable[str]) -> Iterable[str]:
    """Files that are as committed by git's word, yet of other bytes: a filter or an end of line lies between."""
    here = [path for path in paths if path not in checkout.changed and (checkout.root / path).is_file()]
    if not here:
        return
    names = _git(checkout.root, "hash-object", "--no-filters", "--stdin-paths", given="\n".join(here) + "\n").split()
    for path, name in zip(here, names, strict=True):
        if name != checkout.committed[path].name:
            yield path


def _tree(root: Path) -> Iterable[tuple[str, Blob]]:
    for line in _paths(root, "ls-tree", "-r", "-l", "-z", "HEAD"):
        facts, _, path = line.partition("\t")
        _, kind, name, size = facts.split()
        if kind == "blob":
            yield path, Blob(name, int(size))


def _blob(root: Path, name: str) -> str:
    return _git(root, "cat-file", "blob", name)


def _paths(root: Path, *words: str) -> list[str]:
    return [path for path in _git(root, *words).split("\0") if path]


def _succeeds(root: Path, *words: str) -> bool:
    try:
        _git(root, *words)
    except NoCheckout:
        return False
    return True


def _git(root: Path, *words: str, given: str | None = None) -> str:
    command = ["git", "-C", str(root), *words]
    try:
        run = subprocess.run(  # noqa: S603  our own words; paths go in behind `--` or by standard input
            command, input=given, capture_output=True, timeout=GIT_SECONDS, encoding="utf-8", errors="surrogateescape"
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NoCheckout(f"git cannot be asked: {error}") from None
    if run.returncode:
        raise NoCheckout(run.stderr.strip().partition("\n")[0] or f"git {words[0]} failed")
    return run.stdout
