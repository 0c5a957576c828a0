"""Owns what each dyno type gives: memory, processes, processor share, price. Pure data from Heroku's documentation.

The processor share of a shared dyno is a model, not Heroku's number: Heroku gives an acceptable load of 1.0 and no
guarantee. One core is the burst; ``cpu`` on the command line measures another share.
"""

from __future__ import annotations

from dataclasses import dataclass

from bench.errors import BenchError


@dataclass(frozen=True, slots=True)
class Size:
    """One dyno type. Memory in MiB, as Heroku counts it; ``web_concurrency`` as its buildpack sets it."""

    name: str
    memory_mib: int
    kill_mib: int  # R15: rss + swap above it is killed
    threads: int  # processes and threads together
    cores: float  # physical cores' worth of time in this model
    web_concurrency: int
    dollars: int  # a month
    scales: bool = True  # may run as several dynos


SIZES = {
    size.name: size
    for size in (
        Size("eco", 512, 1024, 256, 1.0, 2, 5, scales=False),
        Size("basic", 512, 1024, 256, 1.0, 2, 7, scales=False),
        Size("standard-1x", 512, 1024, 256, 1.0, 2, 25),
        Size("standard-2x", 1024, 2048, 512, 1.0, 4, 50),
        Size("performance-m", 2560, 5120, 16384, 1.0, 5, 250),
        Size("performance-l", 14336, 28672, 32768, 4.0, 17, 500),
        Size("performance-l-ram", 30720, 36864, 16384, 2.0, 9, 500),
        Size("performance-xl", 63488, 76186, 32768, 4.0, 17, 750),
        Size("performance-2xl", 129024, 154829, 65536, 8.0, 33, 1500),
    )
}


def size_named(name: str) -> Size:
    """Raises BenchError for a name that is no dyno type."""
    try:
        return SIZES[name.lower()]
    except KeyError:
        raise BenchError(f"no dyno type is called {name!r}; there are {', '.join(SIZES)}") from None
