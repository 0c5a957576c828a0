"""Owns the lines of a Procfile: whether what they start is this server, and the settings that stand in them. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from server.doctor.finding import Finding

ASSIGNMENT = re.compile(r"([A-Z_][A-Z0-9_]*)=(.*)")
SERVER = re.compile(r"(?:-m server|\bdynonnx serve)(?=\s|$)(.*)")
TRIAL = re.compile(r"-m server(?=\s|$)\s*(\S*)")
BEFORE_START = ("check", "fetch")
ENDING = (*BEFORE_START, "doctor", "--print-config", "--version", "--help", "-h")
COMMIT = 'git add Procfile && git commit -m "Mend the build"'


def find_in_procfile(text: str | None) -> Iterator[Finding]:
    """What would start nothing, or something else."""
    mend = f"printf 'web: python -m server\\nrelease: python -m server check\\n' > Procfile && {COMMIT}"
    if text is None:
        yield Finding("no Procfile is committed: Heroku would start nothing", mend)
        return
    web = _command(text, "web")
    if web is None:
        yield Finding("Procfile has no line `web: ...`: nothing would get HTTP", mend)
        return
    started = SERVER.search(web)
    if not started:
        yield Finding(f"Procfile starts `{web}`, which is not this server", mend)
    elif words := _words(started[1]):
        why = (
            "ends at once"
            if words[0] in ENDING
            else "takes no such words: its settings are variables of the environment"
        )
        yield Finding(f"Procfile starts the server with `{' '.join(words)}`, with which it {why}", mend)
    release = _command(text, "release")
    asked = TRIAL.search(release) if release else None
    if release and asked and asked[1] not in BEFORE_START:
        yield Finding(
            f"Procfile's release phase is `{release}`, which does not end well: no push would ever serve",
            f"sed -i 's/^release:.*/release: python -m server check/' Procfile && {COMMIT}",
        )


def inline_settings(text: str) -> dict[str, str]:
    """``NAME=value`` before the web command."""
    words = (_command(text, "web") or "").split()
    found = {}
    for word in words[1:] if words[:1] == ["env"] else words:
        if not (match := ASSIGNMENT.fullmatch(word)):
            break
        found[match[1]] = match[2].strip("'\"")
    return found


def _command(text: str, process: str) -> str | None:
    line = re.search(rf"^{process}:(.*)$", text, re.MULTILINE)
    return line[1].strip() if line else None


def _words(rest: str) -> list[str]:
    """What the server is given: up to a sign of the shell."""
    return re.split(r"[&|;<>#]|\d>", rest)[0].split()
