"""Owns the slug: which committed files get into it, which of them should not, and how large it becomes. Pure.

docs/decisions.md: "What the doctor reckons".
"""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterator, Mapping
from pathlib import PurePosixPath

from server.doctor.buildpack import pinned
from server.doctor.checkout import Checkout
from server.doctor.finding import Finding
from server.models.folder import PICKLES

MB = 1_000_000
LIMIT_BYTES = 500 * MB  # Heroku's documents; build logs of 2026 tell of 1,000
PYTHON_BYTES = 10 * MB  # Heroku's own Python, compressed
PACKED = 0.33  # what is left of installed packages when compressed: 194 MB become 62
UNKNOWN_BYTES = 6 * MB  # installed, of a package that is not installed here
HEAVY = {"torch": 5500 * MB, "tensorflow": 1800 * MB, "jax": 900 * MB, "nvidia-cudnn-cu12": 1100 * MB}  # installed

DATA = frozenset(
    {".csv", ".tsv", ".parquet", ".feather", ".arrow", ".h5", ".hdf5", ".npy", ".npz", ".jsonl", ".xlsx"}
    | {".xls", ".sqlite", ".sqlite3", ".db", ".zip", ".gz", ".tar", ".7z"}
)
MUST_SHIP = ("Procfile", "requirements.txt", ".python-version", "server/__main__.py")
USUAL = "bench convert score docs deploy examples tests build"
COMMIT = 'git commit -m "Mend the slug"'


def shipped(checkout: Checkout) -> list[str]:
    """The committed files that .slugignore lets into the slug."""
    patterns = _patterns(checkout.texts.get(".slugignore", ""))
    return [path for path in checkout.committed if not any(_covers(pattern, path) for pattern in patterns)]


def find_in_slug(
    checkout: Checkout, models: str, packages: Mapping[str, int], packed: Callable[[str], float]
) -> Iterator[Finding]:
    """What should not ship, or does not.

    ``packages``: bytes of installed packages by name; ``packed``: what share of a file is left when it is compressed.
    """
    inside = shipped(checkout)
    yield from _slugignore(checkout, models, set(inside))
    yield from _strays(inside, models)
    dirty = sorted(path for path in inside if path in checkout.changed and not path.startswith(f"{models}/"))
    if dirty:
        more = f" and {len(dirty) - 3} more" if len(dirty) > 3 else ""
        yield Finding(
            f"{', '.join(dirty[:3])}{more}: changed here, but not committed: a push takes the old",
            'git commit --all -m "Say what changed"',
        )
    yield from _size(checkout, inside, packages, packed)


def _slugignore(checkout: Checkout, models: str, inside: set[str]) -> Iterator[Finding]:
    text = checkout.texts.get(".slugignore")
    if text is None:
        yield Finding(
            "no .slugignore is committed: tests and tools would ship",
            f"printf '/%s\\n' {USUAL} > .slugignore && git add .slugignore && {COMMIT}",
        )
        return
    negated = [line for line in text.splitlines() if line.startswith("!")]
    if negated:
        yield Finding(
            f".slugignore has no negation, so `{negated[0]}` does nothing",
            f"sed -i '/^!/d' .slugignore && git add .slugignore && {COMMIT}",
        )
    for pattern in _patterns(text):
        out = [path for path in (*MUST_SHIP, *_of(checkout, models)) if path not in inside and _covers(pattern, path)]
        if out:
            yield Finding(
                f".slugignore's line `{pattern}` keeps {out[0]} from the dyno",
                f"sed -i '\\|^{pattern}$|d' .slugignore && git add .slugignore && {COMMIT}",
            )


def _of(checkout: Checkout, models: str) -> list[str]:
    return [path for path in checkout.committed if path.startswith(f"{models}/") and path.endswith(".onnx")]


def _strays(inside: list[str], models: str) -> Iterator[Finding]:
    for path in inside:
        suffix = PurePosixPath(path).suffix.lower()
        if suffix in PICKLES and not path.startswith(f"{models}/"):
            yield Finding(
                f"{path} is a pickle and would ship, where nothing opens it",
                f"git rm --cached '{path}' && echo '/{path}' >> .gitignore && {COMMIT}",
            )
        elif suffix in DATA:
            yield Finding(
                f"{path} looks like data and would ship",
                f"echo '/{path}' >> .slugignore && git add .slugignore && {COMMIT}",
            )
        elif PurePosixPath(path).name == ".env":
            yield Finding(
                f"{path} is committed, with the keys in it",
                f"git rm --cached {path} && echo {path} >> .gitignore && {COMMIT}",
            )


def _size(
    checkout: Checkout, inside: list[str], packages: Mapping[str, int], packed: Callable[[str], float]
) -> Iterator[Finding]:
    files = {path: int(checkout.committed[path].size * packed(path)) for path in inside}
    names = pinned(checkout.texts.get("requirements.txt", ""))
    wheels = {name: int(PACKED * packages.get(name, HEAVY.get(name, UNKNOWN_BYTES))) for name in names}
    total = sum(files.values()) + sum(wheels.values()) + PYTHON_BYTES
    if total <= LIMIT_BYTES:
        return
    everything = {**files, **wheels}
    largest = max(everything, key=lambda name: everything[name])
    remedy = (
        f"sed -i '/^{largest}\\b/d' requirements.in && make lock && git add requirements.* && {COMMIT}"
        if largest in wheels
        else f"echo '/{largest}' >> .slugignore && git add .slugignore && {COMMIT}"
    )
    yield Finding(
        f"the slug would have about {total // MB:,} MB compressed, and Heroku takes {LIMIT_BYTES // MB}; the largest"
        f" part is {largest}, {everything[largest] // MB:,} MB",
        remedy,
    )


def _patterns(text: str) -> list[str]:
    lines = (line.strip() for line in text.splitlines())
    return [line for line in lines if line and not line.startswith(("#", "!"))]


def _covers(pattern: str, path: str) -> bool:
    """Whether a line of .slugignore covers a file, by itself or by a folder above it; with a slash it is anchored."""
    bare = pattern.strip("/")
    parts = path.split("/")
    if "/" in pattern.rstrip("/"):
        return any(fnmatch.fnmatchcase("/".join(parts[:end]), bare) for end in range(1, len(parts) + 1))
    return any(fnmatch.fnmatchcase(part, bare) for part in parts)
