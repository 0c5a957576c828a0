"""Owns the building and starting of the image without Docker: the Dockerfile's steps in folders made by debootstrap.

The base image cannot be had from a registry here, so Debian's own Python stands in for python:3.13-slim; wheels are
downloaded beforehand, as no step has a network. Needs root.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

BASE_PYTHON = "3.11"  # Debian 12's
PACKAGES = "python3,python3-venv,python3-pip,passwd,ca-certificates"


@dataclass
class Stage:
    """One FROM: its root, and what its instructions said."""

    root: Path
    workdir: str = "/"
    user: str = "0"
    environment: dict[str, str] = field(default_factory=dict)
    command: list[str] = field(default_factory=list)


def make_base(folder: Path) -> None:
    """A small Debian with Python, once."""
    if (folder / ".made").exists():
        return
    shutil.rmtree(folder, ignore_errors=True)
    run("debootstrap", "--variant=minbase", f"--include={PACKAGES}", "bookworm", folder)
    (folder / "usr/bin/python").symlink_to("python3")
    (folder / ".made").touch()


def download_wheels(requirements: Path, folder: Path) -> None:
    """Every locked wheel, for the base's Python."""
    python = ("--python-version", BASE_PYTHON, "--only-binary", ":all:", "--no-deps", "--require-hashes")
    run(sys.executable, "-m", "pip", "download", "--quiet", *python, "-r", requirements, "-d", folder)


def instructions(dockerfile: str) -> list[tuple[str, str]]:
    """Each instruction and the rest of its line."""
    lines = re.sub(r"\\\n", " ", dockerfile).splitlines()
    return [(line.split()[0], line.partition(" ")[2]) for line in lines if line.strip() and not line.startswith("#")]


def build(context: Path, base: Path, wheels: Path, work: Path) -> Stage:
    """Runs the Dockerfile of the context; returns the last stage."""
    stages: dict[str, Stage] = {}
    stage = Stage(work)
    for word, rest in instructions((context / "Dockerfile").read_text()):
        match word:
            case "FROM":
                name = rest.partition(" AS ")[2] or "final"
                stage = stages[name] = Stage(work / name)
                run("cp", "--archive", "--reflink=auto", base, stage.root)
            case "WORKDIR":
                stage.workdir = rest
                (stage.root / rest.lstrip("/")).mkdir(parents=True, exist_ok=True)
            case "COPY":
                copy(rest.split(), context, stages, stage)
            case "ENV":
                pairs = dict(pair.split("=", 1) for pair in rest.split())
                stage.environment |= {name: value.replace("$PATH", PATH) for name, value in pairs.items()}
            case "USER":
                stage.user = rest
            case "CMD":
                stage.command = json.loads(rest)
            case "RUN":
                in_stage(stage, wheels, rest)
    return stage


PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def copy(words: list[str], context: Path, stages: dict[str, Stage], stage: Stage) -> None:
    """COPY of one source, from the context or another stage."""
    options = dict(word.removeprefix("--").split("=") for word in words if word.startswith("--"))
    source, target = (word for word in words if not word.startswith("--"))
    origin = stages[options["from"]].root if "from" in options else context
    place = stage.root / Path(stage.workdir, target).relative_to("/")
    run(
        "cp",
        "--archive",
        "--no-target-directory",
        origin / source.lstrip("/"),
        place / source if target == "." else place,
    )
    run("chown", "--recursive", f"{options.get('chown', '0')}:{options.get('chown', '0')}", place)


def in_stage(stage: Stage, wheels: Path, command: str) -> None:
    """RUN: as root, in the stage's root, with the wheels for pip and without a network."""
    inside = stage.root / "wheels"
    inside.mkdir()
    mounts = f"mount --bind {wheels} {inside} && mount -t proc proc {stage.root}/proc"
    variables = {"PATH": PATH, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "/wheels", **stage.environment}
    given = [f"{name}={value}" for name, value in variables.items()]
    script = f'{mounts} && exec chroot {stage.root} env -i "$@"'
    run("unshare", "--mount", "--net", "sh", "-c", script, "sh", *given, "sh", "-c", f"cd {stage.workdir} && {command}")
    inside.rmdir()


def start_command(stage: Stage, settings: dict[str, str]) -> tuple[str, ...]:
    """What starts the image as its user, its root read only but for /tmp."""
    root = stage.root
    mounts = (
        f"mount --make-rprivate / && mount --bind {root} {root} && mount -t proc proc {root}/proc"
        f" && mount --rbind /dev {root}/dev && mount -t tmpfs tmpfs {root}/tmp && mount -o remount,bind,ro {root}"  # noqa: S108 - its own
    )
    given = [f"{name}={value}" for name, value in {**stage.environment, **settings}.items()]
    script = f'{mounts} && exec chroot --userspec={stage.user}:{stage.user} {root} env -i "$@"'
    go = f"cd {stage.workdir} && exec {' '.join(stage.command)}"
    return ("unshare", "--mount", "sh", "-c", script, "sh", *given, "sh", "-c", go)


def megabytes(*paths: Path) -> float:
    """What files take, together."""
    done = subprocess.run(
        ["du", "--summarize", "--bytes", "--total", *paths], capture_output=True, text=True, check=True
    )
    return int(done.stdout.split("\n")[-2].split()[0]) / 1e6


def run(*words: str | Path) -> None:
    """Runs a command. Raises AssertionError with what it said."""
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(map(str, words))}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
