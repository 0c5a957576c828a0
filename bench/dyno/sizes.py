"""Owns what Heroku's documentation says (``heroku.toml``): what each dyno type gives, what each code means.

The processor share of a shared dyno is a model, not Heroku's number: Heroku gives an acceptable load of 1.0 and no
guarantee. One core is the burst; ``cpu`` on the command line measures another share.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

from bench.errors import BenchError

_HEROKU = tomllib.loads(Path(__file__).with_name("heroku.toml").read_text("utf-8"))


@dataclass(frozen=True, slots=True)
class Size:
    """One dyno type; ``heroku.toml`` has the units."""

    name: str
    memory_mib: int
    kill_mib: int
    threads: int
    cores: float
    web_concurrency: int
    dollars: int
    scales: bool


SIZES = {name: Size(name, **size) for name, size in _HEROKU["sizes"].items()}
CODES: dict[str, str] = _HEROKU["codes"]


def size_named(name: str) -> Size:
    """Raises BenchError for a name that is no dyno type."""
    if (size := SIZES.get(name.lower())) is None:
        raise BenchError(f"no dyno type is called {name!r}; there are {', '.join(SIZES)}")
    return size
