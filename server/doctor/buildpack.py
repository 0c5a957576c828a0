"""Owns what Heroku's Python buildpack refuses to build, by its own rules (v351). Pure: reads committed files only.

The rules are those of lib/python_version.sh, lib/package_manager.sh and lib/checks.sh there.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping

from server.doctor.checkout import HOOKS, Checkout
from server.doctor.finding import Finding
from server.doctor.procfile import find_in_procfile
from server.doctor.requirements import find_in_requirements

PYTHONS = ("3.11", "3.12", "3.13", "3.14")  # this server's and the buildpack's
STACKS = ("heroku-22", "heroku-24", "heroku-26", "cnb")  # cnb: Fir
OTHER_LOCKS = ("Pipfile.lock", "poetry.lock", "uv.lock")
BUILT = {  # folders that the build makes itself, by a file in them
    ".venv": ".venv/pyvenv.cfg",
    "venv": "venv/pyvenv.cfg",
    ".heroku/python": ".heroku/python/",
}
OTHER_LANGUAGES = {"Gemfile": "Ruby", "package.json": "Node.js", "project.clj": "Clojure"}  # looked for before Python
MISSPELT = {
    ".python-version": re.compile(r"[.,]?[ ]?'?[.]?python[-_. ]?version[.']?( |txt|\.txt|\.py|\.rtf)?", re.IGNORECASE),
    "Procfile": re.compile(r"procfile(\.txt)?", re.IGNORECASE),
    "requirements.txt": re.compile(r"require?i?e?ments?(\.txt|\.text)?(\.txt)?", re.IGNORECASE),
    ".slugignore": re.compile(r"\.?slug[-_. ]?ignore(\.txt)?", re.IGNORECASE),
    "app.json": re.compile(r"app[-_.]?json(\.txt)?", re.IGNORECASE),
}
UNFINISHED = re.compile(r"^(<{7}|>{7}) ", re.MULTILINE)  # what git leaves of a merge
BY_LINE = ("Procfile", ".slugignore", *HOOKS)  # where a carriage return ends up in a command or a name
COMMIT = 'git commit -m "Mend the build"'


def find_in_build(checkout: Checkout) -> Iterator[Finding]:
    """What would end the build, or the start of what was built."""
    yield from _names(checkout)
    yield from _python(checkout.texts)
    yield from _locks(checkout)
    yield from _line_ends(checkout.texts)
    merged = {name for name, text in checkout.texts.items() if UNFINISHED.search(text)}
    for name in sorted(merged):
        yield Finding(
            f"{name} holds both sides of a merge, as git left them",
            f"edit {name} (keep one side, no line of <<<<<<<, ======= and >>>>>>>), then git add {name} && {COMMIT}",
        )
    if "requirements.txt" in checkout.texts.keys() - merged:
        yield from find_in_requirements(checkout, python_of(checkout.texts))
    if "Procfile" not in merged:
        yield from find_in_procfile(checkout.texts.get("Procfile"))


def _names(checkout: Checkout) -> Iterator[Finding]:
    top = [path for path in checkout.committed if "/" not in path]
    for right, pattern in MISSPELT.items():
        for path in top:
            if path != right and pattern.fullmatch(path):
                yield Finding(
                    f"'{path}' is read by nobody: it is called {right}",
                    f"git mv {shlex.quote(path)} {right} && {COMMIT}",
                )
    for folder, sign in BUILT.items():
        if any(path.startswith(sign) for path in checkout.committed):
            yield Finding(
                f"{folder}/ is committed, and the build refuses what it makes itself",
                f"git rm -r --cached --quiet {folder} && echo {folder}/ >> .gitignore && git add .gitignore"
                f" && {COMMIT}",
            )
    for path, language in OTHER_LANGUAGES.items():
        if path in checkout.committed:
            yield Finding(
                f"{path} is committed at the top, and Heroku takes that for an app in {language}, not in Python",
                f"git rm --quiet {path} && {COMMIT} (to keep it: heroku buildpacks:set heroku/python)",
            )


def _line_ends(texts: Mapping[str, str]) -> Iterator[Finding]:
    if foreign := [name for name in BY_LINE if "\r\n" in texts.get(name, "")]:
        files = " ".join(foreign)
        yield Finding(
            f"{', '.join(foreign)}: committed with the line ends of Windows (CRLF), which end up in commands and names",
            f"sed -i 's/\\r$//' {files} && git add {files} && {COMMIT}",
        )


def python_of(texts: Mapping[str, str]) -> str | None:
    """The Python that the build takes, as 3.13; None where it is not said, or in no such words."""
    found = re.search(r"^\s*([1-9]\d*\.\d+)(?:\.\d+)?\s*$", texts.get(".python-version", ""), re.MULTILINE)
    return found[1] if found else None


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
    if len(versions) != 1 or not re.fullmatch(r"[1-9]\d*\.(0|[1-9]\d*)(\.(0|[1-9]\d*))?", versions[0]):
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
