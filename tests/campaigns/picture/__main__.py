"""Records the three uses in a clone, converting, asking and looking before a push, and draws docs/picture.svg."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.campaigns.picture.drawing import Line, draw
from tests.support.integration.running import free_port

ROOT = Path(__file__).parents[3]
GOAL = ROOT / "docs" / "picture.svg"
TOLD = "A terminal: a pickle is converted and proven equal, served and asked by curl, and looked at before a push"
CONVERT = "python -m convert churn.pkl"
SERVE = "python -m server"
ASK = "curl -s localhost:8000/predict -H 'content-type: application/json' -d '{row}'"
COMMIT = "git add models/churn && git commit -qm 'Add churn' && python -m server doctor"


def record() -> Iterator[Line]:
    """Runs it all, and yields what a person types and sees; some lines of the report are left out, with a mark."""
    with tempfile.TemporaryDirectory() as place:
        clone = Path(place, "clone")
        subprocess.run(["git", "clone", "-q", ROOT, clone], check=True)
        (clone / "churn.pkl").write_bytes((ROOT / "build" / "churn.pkl").read_bytes())
        (clone / ".git" / "info" / "exclude").write_text("churn.pkl\n")
        yield Line("note", "# 1. A pickle becomes one ONNX file, if it answers the same")
        yield from _said(CONVERT, _shortened(_run(CONVERT, clone).splitlines()))
        yield from (Line("said", ""), Line("note", "# 2. It serves; anybody asks"))
        yield from _served(clone)
        yield from (Line("said", ""), Line("note", "# 3. Before a push: what would go wrong"))
        yield from _said(COMMIT, _run(COMMIT, clone).splitlines())


def _run(line: str, clone: Path) -> str:
    done = subprocess.run(
        ["bash", "-c", line], cwd=clone, env=_environment(), stdout=subprocess.PIPE, text=True, check=True
    )
    return done.stdout.rstrip()


@functools.cache
def _port() -> int:
    return free_port()


def _environment() -> dict[str, str]:
    who = {f"GIT_{role}_{part}": "n@example.org" for role in ("AUTHOR", "COMMITTER") for part in ("NAME", "EMAIL")}
    here = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return {**os.environ, **who, "PATH": here, "PORT": str(_port()), "DYNONNX_HOST": "127.0.0.1"}


def _served(clone: Path) -> Iterator[Line]:
    """On a port that is free here, which the picture calls 8000, as a person's would be."""
    server = subprocess.Popen(SERVE.split(), cwd=clone, env=_environment(), stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        started = next(line for line in iter(server.stdout.readline, "") if " serves " in line).rstrip()
        yield from _said(f"{SERVE} &", [started.replace(str(_port()), "8000")])
        with urllib.request.urlopen(f"http://127.0.0.1:{_port()}/models/churn") as answer:
            example = json.load(answer)["example"]
        ask = ASK.format(row=json.dumps({"features": example}, ensure_ascii=False))
        yield from _said(ask, [_run(ask.replace("8000", str(_port())), clone)])
    finally:
        server.terminate()
        server.wait(60)


def _shortened(lines: list[str]) -> Iterator[str]:
    """The table of the proof and the verdict; the schema before them is left out."""
    at = next(number for number, line in enumerate(lines) if line.startswith("rows "))
    yield lines[0].partition(", made ")[0]
    yield "..."
    yield from (line for line in lines[at:] if line and not line.startswith(("worst:", "answers:")))


def _said(typed: str, lines: Iterable[str]) -> Iterator[Line]:
    yield Line("typed", f"$ {typed}")
    for line in lines:
        yield Line("good" if line.startswith(("equal:", "good:", '{"prediction"')) else "said", line)


if __name__ == "__main__":
    GOAL.write_text(draw([*record()], TOLD))
    print(f"wrote {GOAL.relative_to(ROOT)} ({GOAL.stat().st_size:,} bytes)")
