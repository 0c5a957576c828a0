"""Owns when requests are due: phases of constant rate, arrivals drawn from them. Knows nothing of clocks or sockets.

Arrivals are Poisson: independent callers at a constant mean rate. Evenly spaced requests would flatter every server,
because two of them would never meet. The seed is fixed, so that each server gets the same arrivals.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

SEED = 20261122
_DRAWN_AT_ONCE = 8192


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
