"""Owns what git says of a checkout: what a push would take, and what it would leave. Knows no models, no dynos."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

HOOKS = ("bin/pre_compile", "bin/post_compile")  # what the buildpack runs of ours
TEXTS = (
    "Procfile", "app.json", ".slugignore", ".python-version", "runtime.txt", "requirements.txt",
    "requirements-signing.txt", "project.toml", *HOOKS,
)  # fmt: skip
SOURCES = ".gitmodules"  # where repositories within this one come from
LINK, INNER = "120000", "160000"  # modes in git's tree: a link, a repository within this one
APP = re.compile(r"^(\S+)\t(?:https?://(?:[^@/\s]*@)?git\.heroku\.com/|(?:ssh://)?git@heroku\.com[:/])|^(heroku)\t")
POINTER = "version https://git-lfs.github.com/spec/"  # how a Git LFS pointer begins
MAX_POINTER_BYTES = 1024
PRIVATE_KEY = "PRIVATE " + "KEY-----"  # in two parts, as this file is in git too
GIT_SECONDS = 60
NO_PROGRAM = 127  # what env answers where there is no git


class NoCheckout(Exception):
    """There is no git repository here that git reads; ``remedy``: the command that mends it."""

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(what)
        self.remedy = remedy


class Blob(NamedTuple):
    """What git holds of one file: the hash of its content, and its size in bytes."""

    name: str
    size: int


@dataclass(frozen=True, slots=True)
class Checkout:
    """A checkout as git sees it; every path is relative to ``root``. `look_at_models` tells the last five fields."""

    root: Path
    committed: Mapping[str, Blob]
    changed: frozenset[str]  # other here, or in the index, than committed
    untracked: frozenset[str]
    texts: Mapping[str, str]  # the committed content of `TEXTS`
    private_keys: frozenset[str]  # committed files with a private key in them
    shallow: bool
    apps: tuple[str, ...] = ()  # the remotes that are Heroku's, by name
    links: frozenset[str] = frozenset()  # git keeps where they lead, not what is there
    inner: Mapping[str, str] = MappingProxyType({})  # repositories within this one, and whence they come; "": who knows
    ignored: frozenset[str] = frozenset()
    rewritten: frozenset[str] = frozenset()  # git keeps other bytes than are here
    pointers: frozenset[str] = frozenset()  # git holds the pointer of Git LFS, not the file
    unwatched: frozenset[str] = frozenset()  # other here than committed, and git was told not to look
    nested: frozenset[str] = frozenset()  # folders that are repositories of their own

    @property
    def pushes_to_heroku(self) -> bool:
        """Whether a remote of Heroku's is set up."""
        return bool(self.apps)


def read_checkout(folder: Path) -> Checkout:
    """Asks git of the repository round a folder, but for its models: `look_at_models` adds these. Raises NoCheckout."""
    root = Path(_git(folder, "rev-parse", "--show-toplevel").strip())
    begun = _succeeds(root, "rev-parse", "--verify", "--quiet", "HEAD")
    tree = list(_tree(root)) if begun else []
    committed = {path: blob for path, mode, blob in tree if mode != INNER}
    return Checkout(
        root=root,
        committed=committed,
        changed=frozenset(_paths(root, "diff", "--name-only", "--no-renames", "-z", "HEAD")) if begun else frozenset(),
        untracked=frozenset(_paths(root, "ls-files", "--others", "--exclude-standard", "-z")),
        texts={name: _git(root, "cat-file", "blob", committed[name].name) for name in TEXTS if name in committed},
        private_keys=frozenset(_holding(root, PRIVATE_KEY)) if begun else frozenset(),
        shallow=_git(root, "rev-parse", "--is-shallow-repository").strip() == "true",
        apps=tuple(dict.fromkeys(_apps(_git(root, "remote", "--verbose")))),
        links=frozenset(path for path, mode, _ in tree if mode == LINK),
        inner=_inner(root, committed, [path for path, mode, _ in tree if mode == INNER]),
    )


def look_at_models(checkout: Checkout, folder: str) -> Checkout:
    """The same checkout with what git says of the files of the models folder."""
    root = checkout.root
    inside = [path for path in checkout.committed if path.startswith(f"{folder}/")]
    small = [path for path in inside if checkout.committed[path].size <= MAX_POINTER_BYTES]
    pointers = frozenset(path for path in small if _blob(root, checkout.committed[path].name).startswith(POINTER))
    other = frozenset(_of_other_bytes(checkout, inside)) - pointers
    unlooked = frozenset(_unlooked(root, folder))
    return replace(
        checkout,
        ignored=frozenset(_paths(root, "ls-files", "--others", "--ignored", "--exclude-standard", "-z", "--", folder)),
        rewritten=other - unlooked,
        pointers=pointers,
        unwatched=frozenset(path for path in unlooked if path in other or not (root / path).is_file()),
        nested=frozenset(str(found.parent.relative_to(root)) for found in (root / folder).rglob(".git")),
    )


def _of_other_bytes(checkout: Checkout, paths: Iterable[str]) -> Iterator[str]:
    """Files that are as committed by git's word, yet of other bytes: a filter or an end of line lies between."""
    same = [path for path in paths if path not in checkout.changed and path not in checkout.links]
    here = [path for path in same if "\n" not in path and (checkout.root / path).is_file()]  # git is given lines
    if not here:
        return
    names = _git(checkout.root, "hash-object", "--no-filters", "--stdin-paths", given="\n".join(here) + "\n").split()
    for path, name in zip(here, names, strict=True):
        if name != checkout.committed[path].name:
            yield path


def _unlooked(root: Path, folder: str) -> Iterator[str]:
    """Files that git was told to take for unchanged (a small letter) or for absent (S)."""
    for line in _paths(root, "ls-files", "-v", "-z", "--", folder):
        if line[0].islower() or line[0] == "S":
            yield line[2:]


def _holding(root: Path, text: str) -> Iterator[str]:
    """The committed text files that hold a text."""
    for line in _paths(root, "grep", "-I", "-l", "-z", "-F", "-e", text, "HEAD", none=1):
        yield line.partition(":")[2]


def _tree(root: Path) -> Iterator[tuple[str, str, Blob]]:
    """Path, mode and content of whatever is committed."""
    for line in _paths(root, "ls-tree", "-r", "-l", "-z", "HEAD"):
        facts, _, path = line.partition("\t")
        mode, _, name, size = facts.split()
        yield path, mode, Blob(name, 0 if size == "-" else int(size))


def _apps(remotes: str) -> Iterator[str]:
    """The names of remotes that a push to deploys; another's address may well have the word in it."""
    for line in remotes.splitlines():
        if found := APP.match(line):
            yield found[1] or found[2]


def _inner(root: Path, committed: Mapping[str, Blob], paths: Iterable[str]) -> dict[str, str]:
    """Repositories within this one, and whence they come, as the committed `.gitmodules` has it."""
    lines = _paths(root, "config", "--blob", f"HEAD:{SOURCES}", "-z", "--list") if SOURCES in committed else []
    said = {name: value for name, _, value in (line.partition("\n") for line in lines)}
    names = {path: name.removesuffix(".path") for name, path in said.items() if name.endswith(".path")}
    return {path: said.get(f"{names.get(path)}.url", "") for path in paths}


def _blob(root: Path, name: str) -> str:
    return _git(root, "cat-file", "blob", name)


def _paths(root: Path, *words: str, none: int = 0) -> list[str]:
    return [path for path in _git(root, *words, none=none).split("\0") if path]


def _succeeds(root: Path, *words: str) -> bool:
    try:
        _git(root, *words)
    except NoCheckout:
        return False
    return True


def _git(root: Path, *words: str, given: str | None = None, none: int = 0) -> str:
    """What git prints. ``none``: the status by which it says that there is nothing. Raises NoCheckout."""
    command = ["env", "LC_ALL=C", "git", "-c", "color.ui=false", "-C", str(root), *words]  # its words are read below
    text = None if given is None else os.fsencode(given)
    try:
        run = subprocess.run(  # noqa: S603  our own words; paths go in behind `--` or by standard input
            command, input=text, capture_output=True, timeout=GIT_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NoCheckout(f"git cannot be asked: {error}", "git status") from None
    if run.returncode not in (0, none):
        raise _refusal(run.returncode, os.fsdecode(run.stderr).strip().partition("\n")[0] or f"git {words[0]} failed")
    return run.stdout.decode("utf-8", "surrogateescape")  # as it stands: the line ends of a file are looked at


def _refusal(status: int, said: str) -> NoCheckout:
    if status == NO_PROGRAM:
        return NoCheckout(
            "git is not installed here, and a push needs it", "install git: https://git-scm.com/downloads"
        )
    if strange := re.search(r"dubious ownership in repository at '(.*)'", said):
        return NoCheckout(
            "git reads no repository that somebody else owns",
            f"git config --global --add safe.directory {shlex.quote(strange[1])}",
        )
    if "not a git repository" in said:
        return NoCheckout(
            f"no git repository is here, and a push needs one: {said}", 'git init && git add . && git commit -m "Begin"'
        )
    return NoCheckout(f"git cannot be asked: {said}", "git status")
