"""Owns one turn of load: when requests are due, Locust in a process of its own, its samples. Knows no servers.

Locust runs as its stock command with ``bench/load/locustfile.py``, so the suite measures what a person measures who
runs that file by hand, and gevent's monkey patching stays in that process.

Arrivals are Poisson: independent callers at a constant mean rate. Evenly spaced requests would flatter every server,
because two of them would never meet. The seed is fixed, so that each server gets the same arrivals.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.errors import LoadFailed
from bench.load.samples import Samples, read
from bench.machine.processes import Child, Cores, clean_environment, wait_until

SEED = 20261122
_DRAWN_AT_ONCE = 8192
_START_S = 30.0  # for Python, Locust and its drain, on a busy machine
_LOCUSTFILE = Path(__file__).with_name("locustfile.py")


@dataclass(frozen=True, slots=True)
class Phase:
    """A stretch of time at one mean arrival rate. ``rate`` in requests per second, over all generator processes."""

    rate: float
    seconds: float

    def __post_init__(self) -> None:
        if not (self.rate > 0 and self.seconds > 0):
            raise ValueError(f"a phase needs a rate and seconds above 0, got {self.rate} for {self.seconds} s")


def parse_phases(text: str) -> tuple[Phase, ...]:
    """``500x10,1000x5`` is 500/s for 10 s, then 1,000/s for 5 s. Raises ValueError with the part that is not so."""
    phases = []
    for part in text.split(","):
        rate, _, seconds = part.strip().partition("x")
        try:
            phases.append(Phase(float(rate), float(seconds)))
        except ValueError:
            expected = "phases are RATExSECONDS, comma-separated, such as 500x10,1000x5"
            raise ValueError(f"{expected}: got {part.strip()!r}") from None
    return tuple(phases)


def format_phases(phases: Sequence[Phase]) -> str:
    """The inverse of :func:`parse_phases`."""
    return ",".join(f"{phase.rate:g}x{phase.seconds:g}" for phase in phases)


def seconds_of(phases: Sequence[Phase]) -> float:
    """How long the phases last together."""
    return sum(phase.seconds for phase in phases)


def due_times(phases: Sequence[Phase], share: float = 1.0, seed: int = SEED) -> Iterator[float]:
    """Seconds from the start at which a request is due, ascending.

    ``share`` is the part of the rate that this generator process carries: Poisson streams add up to one Poisson
    stream, so processes need not agree on anything else.
    """
    random = np.random.default_rng(seed)
    begin = 0.0
    for phase in phases:
        end, now = begin + phase.seconds, begin
        while now < end:
            gaps = random.exponential(1.0 / (phase.rate * share), _DRAWN_AT_ONCE)
            drawn = now + np.cumsum(gaps)
            yield from drawn[drawn < end].tolist()
            now = float(drawn[-1])
        begin = end


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
