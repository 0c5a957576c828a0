"""Measures what the server takes: time from start to first answer, memory of its processes, size of its packages.

`make footprint` shows it. Needs Linux for the memory. Speaks HTTP to a server it starts itself on a free port.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil

BODY = b'{"features":[5.1,3.5,1.4,0.2]}'
STARTS = 5
WARM_REQUESTS = 2000
START_SECONDS = 30.0
MIB = 1 << 20


@contextlib.contextmanager
def _server(models: Path, workers: int, core: int | None = None) -> Iterator[tuple[psutil.Process, int]]:
    """A server of our own, on one core if asked; stopped at the end."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = {
        "PORT": str(port),
        "WEB_CONCURRENCY": str(workers),
        "DYNONNX_MODELS": str(models),
        "DYNONNX_DEFAULT_MODEL": "iris",
    }
    command = [sys.executable, "-m", "server"]
    pin = None if core is None else (lambda: os.sched_setaffinity(0, {core}))
    process = subprocess.Popen(  # noqa: S603  our own server
        command,
        env={**os.environ, **settings},
        stdout=subprocess.DEVNULL,
        preexec_fn=pin,
    )
    try:
        yield psutil.Process(process.pid), port
    finally:
        process.terminate()
        process.wait(30)


def _predict(port: int) -> bool:
    request = urllib.request.Request(f"http://127.0.0.1:{port}/predict", BODY, {"content-type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310
            return b'"setosa"' in answer.read()
    except OSError:
        return False


def _await_answer(port: int) -> None:
    end = time.monotonic() + START_SECONDS
    while not _predict(port):
        if time.monotonic() > end:
            raise RuntimeError(f"the server gave no answer within {START_SECONDS:.0f} s")
        time.sleep(0.005)


def start_seconds(models: Path) -> float:
    """From the command to the first answer: the median of some starts on one core, file cache warm."""
    core = max(os.sched_getaffinity(0))
    took: list[float] = []
    for _ in range(STARTS + 1):
        began = time.monotonic()
        with _server(models, workers=1, core=core) as (_, port):
            _await_answer(port)
            took.append(time.monotonic() - began)
    return statistics.median(took[1:])


def memory_bytes(models: Path) -> tuple[int, int]:
    """PSS of arbiter and one worker together, and what each further worker has for itself; after some requests."""
    with _server(models, workers=1) as (arbiter, port):
        _warm(port)
        first = sum(process.memory_full_info().pss for process in (arbiter, *arbiter.children()))
    with _server(models, workers=3) as (arbiter, port):
        _warm(port)
        further = statistics.median([worker.memory_full_info().uss for worker in arbiter.children()])
    return first, int(further)


def _warm(port: int) -> None:
    _await_answer(port)
    for _ in range(WARM_REQUESTS):
        _predict(port)


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


def table(models: Path, requirements: Path) -> str:
    """All figures beside what we aim at. ``models``: a folder with the example models."""
    first, further = memory_bytes(models)
    files, archive = packages_bytes(requirements)
    rows = [
        ("start to first answer, one core", f"{start_seconds(models):.2f} s", "1.0 s"),
        ("arbiter and one worker (PSS)", f"{first / MIB:.0f} MB", "120 MB"),
        ("each further worker (private)", f"{further / MIB:.1f} MB", "12 MB"),
        ("site-packages of a web dyno, gzipped", f"{archive / MIB:.0f} MB ({files / MIB:.0f} MB)", "80 MB"),
    ]
    lines = [f"{name:<40}{measured:>18}   {target}" for name, measured, target in rows]
    return "\n".join([f"{'':<40}{'measured':>18}   at most", *lines])
