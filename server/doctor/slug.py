"""Owns the slug: which committed files get into it, which must, and how large it becomes. Pure.

docs/decisions.md: "What the doctor reckons".
"""

from __future__ import annotations

import fnmatch
import re
import shlex
import tomllib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from server.doctor.checkout import Checkout
from server.doctor.finding import Finding
from server.doctor.requirements import files_named, pinned
from server.doctor.strays import MB, find_strays

LIMIT_BYTES = 500 * MB  # Heroku's documents; build logs of 2026 tell of 1,000
PYTHON_BYTES = 10 * MB  # Heroku's own Python, compressed
PACKED = 0.33  # what is left of installed packages when compressed: 194 MB become 62
UNKNOWN_BYTES = 6 * MB  # installed, of a package that is not installed here
HEAVY = {"torch": 5500 * MB, "tensorflow": 1800 * MB, "jax": 900 * MB, "nvidia-cudnn-cu12": 1100 * MB}  # installed

DESCRIPTOR = "project.toml"  # what Fir builds by
BUILDPACKS = ("heroku/python", "heroku/procfile")
AS_IT_WAS = (
    f"git checkout $(git rev-list -1 HEAD -- {DESCRIPTOR})~ -- {DESCRIPTOR} && git commit -m 'Take {DESCRIPTOR} back'"
)
MUST_SHIP = ("Procfile", "requirements.txt", ".python-version")
CODE, CODE_ENDS = "server/", (".py", ".html", ".css", ".js", ".svg", ".woff2", ".txt")
MODEL_ENDS = (".onnx", ".onnx.sig")
USUAL = "bench convert score docs deploy examples tests build"
COMMIT = 'git commit -m "Mend the slug"'


def shipped(checkout: Checkout, *, is_fir: bool) -> list[str]:
    """The committed files that .slugignore, or on Fir project.toml, lets into the slug."""
    patterns = _excluded(checkout) if is_fir else _patterns(checkout.texts.get(".slugignore", ""))
    return [path for path in checkout.committed if not any(_covers(pattern, path) for pattern in patterns)]


def find_in_slug(
    checkout: Checkout, models: str, packages: Mapping[str, int], packed: Callable[[str], float], *, is_fir: bool
) -> Iterator[Finding]:
    """What should not ship, or does not.

    ``packages``: bytes of installed packages by name; ``packed``: what share of a file is left when it is compressed.
    """
    inside = shipped(checkout, is_fir=is_fir)
    yield from (_descriptor if is_fir else _slugignore)(checkout, models, set(inside))
    yield from _inner(checkout, models)
    yield from find_strays(checkout, inside, models, DESCRIPTOR if is_fir else ".slugignore")
    yield from _new_code(checkout)
    dirty = sorted(path for path in inside if path in checkout.changed and not path.startswith(f"{models}/"))
    if dirty:
        more = f" and {len(dirty) - 3} more" if len(dirty) > 3 else ""
        yield Finding(
            f"{', '.join(dirty[:3])}{more}: changed here, but not committed: a push takes the old",
            'git commit --all -m "Say what changed"',
        )
    yield from _size(checkout, models, inside, packages, packed)


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
        out = [path for path in _needed(checkout, models) if path not in inside and _covers(pattern, path)]
        if out:
            yield Finding(
                f".slugignore's line `{pattern}` keeps {out[0]} from the dyno",
                f"sed -i {_without(pattern)} .slugignore && git add .slugignore && {COMMIT}",
            )


def _descriptor(checkout: Checkout, models: str, inside: set[str]) -> Iterator[Finding]:
    """What Fir reads in place of .slugignore."""
    text = checkout.texts.get(DESCRIPTOR)
    if text is None:
        yield Finding(f"no {DESCRIPTOR} is committed: on Fir tests and tools would ship", AS_IT_WAS)
        return
    try:
        io = tomllib.loads(text).get("io", {}).get("buildpacks", {})
        groups = [group.get("id") for group in io.get("group", [])]
    except (tomllib.TOMLDecodeError, AttributeError, RecursionError) as error:
        yield Finding(f"{DESCRIPTOR}: {error}", AS_IT_WAS)
        return
    if lacking := [name for name in BUILDPACKS if groups and name not in groups]:
        yield Finding(f"{DESCRIPTOR} builds without {' and '.join(lacking)}, and Fir takes no other then", AS_IT_WAS)
    for pattern in _excluded(checkout):
        out = [path for path in _needed(checkout, models) if path not in inside and _covers(pattern, path)]
        if out:
            yield Finding(
                f"{DESCRIPTOR} excludes `{pattern}`, and with it {out[0]}, which the dyno needs",
                f"take {shlex.quote(pattern)} out of `exclude` in {DESCRIPTOR}, then git add {DESCRIPTOR} && {COMMIT}",
            )


def _excluded(checkout: Checkout) -> list[str]:
    try:
        said: Any = tomllib.loads(checkout.texts.get(DESCRIPTOR, ""))["io"]["buildpacks"]["exclude"]
        return [str(pattern) for pattern in said]
    except (tomllib.TOMLDecodeError, KeyError, TypeError, RecursionError):
        return []


def _inner(checkout: Checkout, models: str) -> Iterator[Finding]:
    """Repositories within this one, of which git keeps the address alone; those of models are told with these."""
    for path, source in checkout.inner.items():
        if f"{path}/".startswith(f"{models}/") or source.startswith("https://"):
            continue
        why = f"comes from {source}, which the build cannot ask" if source else "comes from nowhere that git knows"
        where = shlex.quote(path)
        yield Finding(
            f"{path}/ is a git repository of its own and {why}: a push is refused",
            f"git rm --cached --quiet {where} ; rm -rf {where}/.git && git add {where} && {COMMIT}",
        )


def _needed(checkout: Checkout, models: str) -> list[str]:
    """What the build and the dyno read."""
    code = [path for path in checkout.committed if path.startswith(CODE) and path.endswith(CODE_ENDS)]
    files = [path for path in checkout.committed if path.startswith(f"{models}/") and path.endswith(MODEL_ENDS)]
    return [*MUST_SHIP, *files_named(checkout.texts), *code, *files]


def _new_code(checkout: Checkout) -> Iterator[Finding]:
    new = sorted(path for path in checkout.untracked if path.startswith(CODE) and path.endswith(".py"))
    if new:
        more = f" and {len(new) - 3} more" if len(new) > 3 else ""
        yield Finding(
            f"{', '.join(new[:3])}{more}: not committed, so a push leaves it",
            f"git add {CODE} && git commit -m 'Add what is new'",
        )


def _size(
    checkout: Checkout, models: str, inside: list[str], packages: Mapping[str, int], packed: Callable[[str], float]
) -> Iterator[Finding]:
    files = {path: int(checkout.committed[path].size * packed(path)) for path in inside}
    names = pinned(checkout.texts)
    wheels = {name: int(PACKED * packages.get(name, HEAVY.get(name, UNKNOWN_BYTES))) for name in names}
    total = sum(files.values()) + sum(wheels.values()) + PYTHON_BYTES
    if total <= LIMIT_BYTES:
        return
    everything = {**files, **wheels}
    largest = max(everything, key=lambda name: everything[name])
    yield Finding(
        f"the slug would have about {total // MB:,} MB compressed, and Heroku takes {LIMIT_BYTES // MB}; the largest"
        f" part is {largest}, {everything[largest] // MB:,} MB",
        _smaller(largest, models, is_package=largest in wheels),
    )


def _smaller(largest: str, models: str, *, is_package: bool) -> str:
    file = shlex.quote(largest)
    if is_package:
        return f"sed -i '/^{largest}\\b/d' requirements.in && make lock && git add requirements.* && {COMMIT}"
    if largest.startswith(f"{models}/"):
        return (
            f"git rm --cached --quiet {file} && {COMMIT}, and have it fetched: heroku config:set"
            f" DYNONNX_MODELS_FROM=\"https://YOUR-HOST/{largest}#sha256=$(sha256sum {file} | cut -d' ' -f1)\""
        )
    return f"echo {shlex.quote(f'/{largest}')} >> .slugignore && git add .slugignore && {COMMIT}"


def _without(pattern: str) -> str:
    """For sed: without the lines that are a pattern."""
    literal = re.sub(r"([.\[\]*^$\\|])", r"\\\1", pattern)
    return shlex.quote(rf"\|^[[:space:]]*{literal}[[:space:]]*$|d")


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
