"""Owns what is wrong with a list of requirements: what pip would not install, or what no server starts with. Pure."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from packaging.markers import Marker
from packaging.specifiers import SpecifierSet

from server.doctor.checkout import Checkout
from server.doctor.finding import Finding

FILE, SIGNING = "requirements.txt", "requirements-signing.txt"
NEEDED = ("fastapi", "gunicorn", "httptools", "numpy", "onnxruntime", "orjson", "uvicorn", "uvloop")
INDEXES = ("-i", "--index-url", "--extra-index-url", "-f", "--find-links")
DYNO = {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix", "implementation_name": "cpython"}
LAST_PATCH = 99  # of a Python: the build takes the newest
NAMING = ("-r", "--requirement", "-c", "--constraint")
LOCK = 'make lock && git add requirements.txt && git commit -m "Mend the build"'
BY_HAND = (
    "move that into requirements.in, then make lock && git add requirements.in requirements.txt"
    ' && git commit -m "Mend the build"'
)


def find_in_requirements(checkout: Checkout, python: str | None) -> Iterator[Finding]:
    """What is wrong with requirements.txt, which is committed. ``python``: that of the build, as 3.13."""
    text = checkout.texts[FILE]
    found = _pins(text)
    lacking = [name for name in NEEDED if name not in dict(found)]
    others = sorted(set(NEEDED) - set(lacking) - _holding(text, python)) if python else []
    if lacking:
        yield Finding(f"requirements.txt lacks {', '.join(lacking)}, without which no server starts", LOCK)
    elif "--hash=" not in text:
        yield Finding(
            "requirements.txt has no hashes, and is not what make lock makes: pip freeze lists all that is here",
            LOCK,
        )
    if others:
        yield Finding(
            f"requirements.txt has {', '.join(others)} for other Pythons than {python}, which .python-version names",
            LOCK,
        )
    pins: dict[str, list[str]] = {}
    for name, pin in found:
        pins.setdefault(name, []).append(pin)
    for name, said in pins.items():
        if len(said) > 1:
            which = ", ".join(sorted(set(said)))
            yield Finding(f"requirements.txt has {name} twice ({which}), and pip refuses that", LOCK)
    bare = [line.split()[0] for line in _lines(text) if "--hash=" not in line]
    if bare and "--hash=" in text:
        yield Finding(
            f"requirements.txt has hashes, but none for {', '.join(bare)}: pip installs nothing then", BY_HAND
        )
    for option, file in _options(text):
        if option in ("-e", "--editable"):
            yield Finding(f"requirements.txt has `{option} {file}`, which has no hash: pip installs nothing then", LOCK)
        elif option in NAMING and file not in checkout.committed:
            yield Finding(
                f"requirements.txt names {file}, which is not committed",
                f"git add {shlex.quote(file)} && git commit -m 'Mend the build'",
            )
        elif option in INDEXES and (why := _unreachable(file)):
            yield Finding(
                f"requirements.txt has `{option}` with an address {why}",
                f"sed -i '/^{option}/d' requirements.txt && git add requirements.txt && git commit -m 'Mend the build'"
                " (the build reads the config vars PIP_INDEX_URL and PIP_EXTRA_INDEX_URL)",
            )


def pinned(texts: Mapping[str, str]) -> dict[str, str]:
    """The packages that requirements.txt and what it names bring, and their versions: "" for one that is not pinned."""
    text = texts.get(FILE, "")
    named = [texts.get(file, "") for file in files_named(texts)]
    return dict(reversed([pin for each in (text, *named) for pin in _pins(each)]))  # of two the first counts


def runs_on(wants: str, python: str) -> bool:
    """Whether a package that says which Pythons it ``wants``, as its metadata does, runs on one like 3.13."""
    return SpecifierSet(wants).contains(f"{python}.{LAST_PATCH}")


def normal(name: str) -> str:
    """A package's name as registries compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _pins(text: str) -> list[tuple[str, str]]:
    found = (re.match(r"([A-Za-z0-9][\w.-]*)(?:\[[^]]*\])?\s*(?:==\s*([^\s;]+))?", line) for line in _lines(text))
    return [(normal(match[1]), match[2] or "") for match in found if match]


def _holding(text: str, python: str) -> set[str]:
    """The packages that pip installs with a Python: of those with a condition, those of which it holds."""
    there = {**DYNO, "python_version": python, "python_full_version": f"{python}.0"}
    found = set()
    for line in _lines(text):
        requirement, _, condition = line.partition(" --hash")[0].partition(";")
        try:
            holds = not condition.strip() or Marker(condition).evaluate(there)
        except (ValueError, RecursionError):  # a condition that is none, or compares what cannot be compared
            holds = True  # pip says it
        if holds:
            found |= {name for name, _ in _pins(requirement)}
    return found


def _unreachable(address: str) -> str | None:
    """Why nobody should read an address of packages, or a build cannot ask it. What pip fills in is nobody's secret."""
    try:
        url = urlsplit(address)
    except ValueError:
        return "where the build finds nothing"
    if (url.username or url.password) and "${" not in address:
        return "that has a password in it, which everybody who has the code reads"
    if url.scheme not in ("http", "https") or "." not in (url.hostname or ""):
        return "where the build finds nothing"
    return None


def _whole(text: str) -> list[str]:
    """The lines of a file, each whole, without comments."""
    joined = re.sub(r"\\\r?\n", " ", text).splitlines()
    bare = (re.sub(r"(^|\s)#.*", "", line).strip() for line in joined)
    return [line for line in bare if line]


def _lines(text: str) -> list[str]:
    """The requirements of a file; options are left out."""
    return [line for line in _whole(text) if not line.startswith("-")]


def files_named(texts: Mapping[str, str]) -> list[str]:
    """The files that requirements.txt names."""
    return [file for option, file in _options(texts.get(FILE, "")) if option in NAMING]


def _options(text: str) -> list[tuple[str, str]]:
    """The options of a file that stand on lines of their own, and what they name."""
    split = (re.split(r"[\s=]+", line, maxsplit=1) for line in _whole(text) if line.startswith("-"))
    return [(parts[0], parts[1]) for parts in split if len(parts) > 1]
