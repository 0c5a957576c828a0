"""Owns one turn of load: Locust in a process of its own, its samples read back. Knows nothing of which server it is.

Locust runs as its stock command with ``bench/load/locustfile.py``, so the suite measures what a person measures who
runs that file by hand, and gevent's monkey patching stays in that process.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.errors import LoadFailed
from bench.load.arrivals import Phase, format_phases, seconds_of
from bench.load.samples import Samples, read
from bench.machine.cores import Cores
from bench.machine.processes import Child, clean_environment, wait_until

_START_S = 30.0  # for Python, Locust and its drain, on a busy machine
_LOCUSTFILE = Path(__file__).with_name("locustfile.py")


@dataclass(frozen=True, slots=True)
class Generator:
    """How load is made. ``processes`` above 1 needs as many cores of its own."""

    cores: Cores
    connections: int = 32
    timeout_s: float = 30.0
    processes: int = 1
    owned: bool = False  # whether the person has said that a host beyond this machine is theirs


def send(
    url: str,
    cases: Path,
    phases: Sequence[Phase],
    folder: Path,
    generator: Generator,
    meanwhile: Callable[[], None] | None = None,
) -> Samples:
    """Send the phases to ``url`` and return every request. ``meanwhile`` is called once the requests have begun.

    Raises LoadFailed where Locust leaves no samples.
    """
    left = folder / "samples"
    shutil.rmtree(left, ignore_errors=True)
    limit_s = seconds_of(phases) + generator.timeout_s + _START_S
    command = _command(url, cases, phases, left, generator)
    with Child(command, folder / "locust.log", clean_environment(), generator.cores.generator, grace_s=10.0) as locust:
        if meanwhile is not None:
            # The generator opens its samples when its first arrival is due.
            wait_until(lambda: any(left.glob("*.bin")) or locust.status() is not None, _START_S)
            meanwhile()
        status = locust.wait(limit_s)
        if status is None:
            raise LoadFailed(f"Locust did not end within {limit_s:g} s.", locust.log_tail())
        try:
            samples = read(left)
        except FileNotFoundError:
            raise LoadFailed(f"Locust ended with status {status} and no samples.", locust.log_tail()) from None
    shutil.rmtree(left)
    return samples


def _command(url: str, cases: Path, phases: Sequence[Phase], left: Path, generator: Generator) -> list[str]:
    command = [sys.executable, "-m", "locust", "--headless", "--only-summary", "--loglevel", "WARNING"]
    command += ["--locustfile", str(_LOCUSTFILE), "--host", url, "--cases", str(cases), "--samples", str(left)]
    command += ["--phases", format_phases(phases), "--connections", str(generator.connections)]
    command += ["--timeout", f"{generator.timeout_s:g}", "--spin", str(int(generator.cores.spin))]
    command += ["--i-own-this-host"] if generator.owned else []
    return command + (["--processes", str(generator.processes)] if generator.processes > 1 else [])
