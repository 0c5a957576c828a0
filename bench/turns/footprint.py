"""Owns what the server takes: time from start to first answer, memory of its processes, size of its packages.

`make footprint` shows it. Needs Linux for the memory. The servers are started as every other run starts them.
"""

from __future__ import annotations

import shlex
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psutil

from bench.baselines.serving import Running, ask, serving
from bench.baselines.systems import dynonnx
from bench.load.cases import Case
from bench.load.client import Address
from bench.machine.processes import available, split
from bench.machine.watch import tree_of
from bench.report.table import columns

GOLDEN = Case("/predict", b'{"features":[5.1,3.5,1.4,0.2]}', {"prediction": "setosa"})
STARTS = 5
WARM_REQUESTS = 2000
MIB = 1 << 20


def table(models: Path, requirements: Path) -> str:
    """All figures beside what we aim at. ``models``: a folder with the example models."""
    first, further = memory_bytes(models)
    files, archive = packages_bytes(requirements)
    rows = [
        ["", "measured", "at most"],
        ["start to first answer, one core", f"{start_seconds(models):.2f} s", "1.0 s"],
        ["arbiter and one worker (PSS)", f"{first / MIB:.0f} MB", "120 MB"],
        ["each further worker (private)", f"{further / MIB:.1f} MB", "12 MB"],
        ["site-packages of a web dyno, gzipped", f"{archive / MIB:.0f} MB ({files / MIB:.0f} MB)", "80 MB"],
    ]
    return columns(rows, left={0, 2})


def start_seconds(models: Path) -> float:
    """From the command to the first answer: the median of some starts on one core, file cache warm."""
    took = []
    for _ in range(STARTS + 1):
        with _serving(models, 1, pinned=split(available()).server) as running:
            took.append(running.start_s)
    return statistics.median(took[1:])


def memory_bytes(models: Path) -> tuple[float, float]:
    """PSS of arbiter and one worker together, and what each further worker has for itself; after some requests."""
    with _serving(models, 1, WARM_REQUESTS) as running:
        first, _ = tree_of(running.child.pid)
    with _serving(models, 3, WARM_REQUESTS) as running:
        private = [worker.memory_full_info().uss for worker in psutil.Process(running.child.pid).children()]
    return first, statistics.median(private)


def packages_bytes(requirements: Path) -> tuple[int, int]:
    """Size of a dyno's site-packages: as files, and as one gzipped archive."""
    with tempfile.TemporaryDirectory() as folder:
        install = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"]
        subprocess.run([*install, "--target", folder, "-r", str(requirements)], check=True)  # noqa: S603
        files = sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())
        archive = subprocess.run(  # noqa: S602  two fixed programs and a folder of ours
            f"tar c -C {shlex.quote(folder)} . | gzip -6 | wc -c", shell=True, check=True, capture_output=True
        )
        return files, int(archive.stdout)


@contextmanager
def _serving(models: Path, workers: int, requests: int = 0, pinned: frozenset[int] = frozenset()) -> Iterator[Running]:
    """A server that has answered ``requests`` besides the golden one."""
    system = dynonnx(models, "iris", workers)
    compiled = {
        "PYTHONDONTWRITEBYTECODE": ""
    }  # as on a dyno, whose build has compiled it: the first start does so here
    system = replace(system, environment={**system.environment, **compiled})
    with tempfile.TemporaryDirectory() as folder, serving(system, GOLDEN, Path(folder), pinned) as running:
        for _ in range(requests):
            ask(Address.parse(running.url), GOLDEN)  # on a new connection, so that every worker gets its share
        yield running
