"""Owns what Heroku's Python buildpack refuses to build, by its own rules (v351). Pure: reads committed files only.

The rules are those of lib/python_version.sh, lib/package_manager.sh and lib/checks.sh there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from server.doctor.checkout import Checkout
from server.doctor.finding import Finding

PYTHONS = ("3.11", "3.12", "3.13", "3.14")  # this server's and the buildpack's
STACKS = ("heroku-22", "heroku-24", "heroku-26", "cnb")  # cnb: Fir
OTHER_LOCKS = ("Pipfile.lock", "poetry.lock", "uv.lock")
VIRTUAL_ENVIRONMENTS = (".venv/pyvenv.cfg", "venv/pyvenv.cfg")
MISSPELT = {
    ".python-version": re.compile(r"[.,]?[ ]?'?[.]?python[-_. ]?version[.']?( |txt|\.txt|\.py|\.rtf)?", re.IGNORECASE),
    "Procfile": re.compile(r"procfile(\.txt)?", re.IGNORECASE),
    "requirements.txt": re.compile(r"require?i?e?ments?(\.txt|\.text)?(\.txt)?", re.IGNORECASE),
}
NEEDED = ("fastapi", "gunicorn", "httptools", "numpy", "onnxruntime", "orjson", "uvicorn", "uvloop")
COMMIT = 'git commit -m "Mend the build"'


def find_in_build(checkout: Checkout) -> Iterator[Finding]:
    """What would end the build, or the start of what was built."""
    yield from _names(checkout)
    yield from _python(checkout.texts)
    yield from _locks(checkout)
    if (text := checkout.texts.get("requirements.txt")) is not None:
        yield from _requirements(text)
    yield from _procfile(checkout.texts.get("Procfile"))


def pinned(text: str) -> dict[str, str]:
    """The packages of a requirements file and their versions, "" for one that is not pinned."""
    found = (re.match(r"([A-Za-z0-9][\w.-]*)(?:\[[^]]*\])?\s*(?:==\s*([^\s;]+))?", line) for line in _lines(text))
    return {normal(match[1]): match[2] or "" for match in found if match}


def normal(name: str) -> str:
    """A package's name as registries compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _lines(text: str) -> list[str]:
    """The requirements of a file, each whole; options are left out."""
    whole = re.sub(r"\\\n", " ", text).splitlines()
    bare = (re.sub(r"(^|\s)#.*", "", line).strip() for line in whole)
    return [line for line in bare if line and not line.startswith("-")]


def _names(checkout: Checkout) -> Iterator[Finding]:
    top = [path for path in checkout.committed if "/" not in path]
    for right, pattern in MISSPELT.items():
        for path in top:
            if path != right and pattern.fullmatch(path):
                yield Finding(
                    f"'{path}' is read by nobody: it is called {right}", f"git mv '{path}' {right} && {COMMIT}"
                )
    for path in VIRTUAL_ENVIRONMENTS:
        if path in checkout.committed:
            folder = path.partition("/")[0]
            yield Finding(
                f"{folder}/ is committed, and the build refuses a virtual environment",
                f"git rm -r --cached --quiet {folder} && echo {folder}/ >> .gitignore && {COMMIT}",
            )


def _python(texts: Mapping[str, str]) -> Iterator[Finding]:
    mend = f"echo 3.13 > .python-version && git add .python-version && {COMMIT}"
    if "runtime.txt" in texts:
        yield Finding(
            "runtime.txt overrides .python-version, and Heroku gives it up", f"git rm runtime.txt && {COMMIT}"
        )
    if ".python-version" not in texts:
        yield Finding("no .python-version is committed: Heroku chooses a Python, another one some day", mend)
        return
    lines = [line.strip() for line in texts[".python-version"].splitlines()]
    versions = [line for line in lines if line and not line.startswith("#")]
    if len(versions) != 1 or not re.fullmatch(r"\d+\.\d+(\.\d+)?", versions[0]):
        yield Finding(f".python-version holds {', '.join(versions) or 'nothing'}, and not one version like 3.13", mend)
    elif ".".join(versions[0].split(".")[:2]) not in PYTHONS:
        yield Finding(f"Python {versions[0]} is none of {', '.join(PYTHONS)}, which run here and on Heroku", mend)


def _locks(checkout: Checkout) -> Iterator[Finding]:
    others = [name for name in OTHER_LOCKS if name in checkout.committed]
    if "Pipfile" in checkout.committed and "Pipfile.lock" not in checkout.committed:
        others.append("Pipfile")
    for name in others:
        yield Finding(
            f"{name} is committed beside requirements.txt, and the build fails on two", f"git rm {name} && {COMMIT}"
        )
    if "requirements.txt" not in checkout.committed:
        yield Finding("no requirements.txt is committed", f"make lock && git add requirements.txt && {COMMIT}")


def _requirements(text: str) -> Iterator[Finding]:
    names = pinned(text)
    lacking = [name for name in NEEDED if name not in names]
    if lacking:
        yield Finding(
            f"requirements.txt lacks {', '.join(lacking)}, without which no server starts",
            f"make lock && git add requirements.txt && {COMMIT}",
        )
    bare = [line.split()[0] for line in _lines(text) if "--hash=" not in line]
    if bare and "--hash=" in text:
        yield Finding(
            f"requirements.txt has hashes, but none for {', '.join(bare)}: pip installs nothing then",
            f"move that into requirements.in, then make lock && git add requirements.in requirements.txt && {COMMIT}",
        )


def _procfile(text: str | None) -> Iterator[Finding]:
    mend = f"echo 'web: python -m server' > Procfile && git add Procfile && {COMMIT}"
    if text is None:
        yield Finding("no Procfile is committed: Heroku would start nothing", mend)
        return
    web = re.search(r"^web:(.*)$", text, re.MULTILINE)
    if not web:
        yield Finding("Procfile has no line `web: ...`: nothing would get HTTP", mend)
    elif not re.search(r"-m server\b|\bdynonnx serve\b", web[1]):
        yield Finding(f"Procfile starts `{web[1].strip()}`, which is not this server", mend)
