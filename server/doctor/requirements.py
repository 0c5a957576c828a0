"""Owns what is wrong with a list of requirements: what pip would not install, or what no server starts with. Pure."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping

from server.doctor.checkout import Checkout
from server.doctor.finding import Finding

FILE, SIGNING = "requirements.txt", "requirements-signing.txt"
NEEDED = ("fastapi", "gunicorn", "httptools", "numpy", "onnxruntime", "orjson", "uvicorn", "uvloop")
NAMING = ("-r", "--requirement", "-c", "--constraint")
LOCK = 'make lock && git add requirements.txt && git commit -m "Mend the build"'
BY_HAND = (
    "move that into requirements.in, then make lock && git add requirements.in requirements.txt"
    ' && git commit -m "Mend the build"'
)


def find_in_requirements(checkout: Checkout) -> Iterator[Finding]:
    """What is wrong with requirements.txt, which is committed."""
    text = checkout.texts[FILE]
    found = _pins(text)
    lacking = [name for name in NEEDED if name not in dict(found)]
    if lacking:
        yield Finding(f"requirements.txt lacks {', '.join(lacking)}, without which no server starts", LOCK)
    elif "--hash=" not in text:
        yield Finding(
            "requirements.txt has no hashes, and is not what make lock makes: pip freeze lists all that is here",
            LOCK,
        )
    for name in dict(found):
        pins = sorted({pin for other, pin in found if other == name})
        if sum(other == name for other, _ in found) > 1:
            yield Finding(f"requirements.txt has {name} twice ({', '.join(pins)}), and pip refuses that", LOCK)
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


def pinned(texts: Mapping[str, str]) -> dict[str, str]:
    """The packages that requirements.txt and what it names bring, and their versions: "" for one that is not pinned."""
    text = texts.get(FILE, "")
    named = [texts.get(file, "") for file in files_named(texts)]
    return dict(reversed([pin for each in (text, *named) for pin in _pins(each)]))  # of two the first counts


def normal(name: str) -> str:
    """A package's name as registries compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _pins(text: str) -> list[tuple[str, str]]:
    found = (re.match(r"([A-Za-z0-9][\w.-]*)(?:\[[^]]*\])?\s*(?:==\s*([^\s;]+))?", line) for line in _lines(text))
    return [(normal(match[1]), match[2] or "") for match in found if match]


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
