"""Owns how much memory the planned workers take on a dyno at worst. Pure.

docs/decisions.md: "What the doctor reckons".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import NamedTuple

from server.artefact.footprint import DYNO_BYTES, Footprint
from server.doctor.finding import Finding
from server.processes.plan import MIB, Box, make_plan
from server.settings import Settings

BASE_BYTES = 88 * MIB  # arbiter, libraries
WORKER_BYTES = 8 * MIB  # a further worker, without what its requests hold


class Size(NamedTuple):
    """What Heroku gives a dyno. ``cores``: as it reports them."""

    memory_bytes: int
    cores: int


CORES = {"performance-m": 2, "performance-l-ram": 4, "performance-2xl": 16}  # of the others it is 8
SIZES = {name: Size(memory_bytes, CORES.get(name, 8)) for name, memory_bytes in DYNO_BYTES.items()}
FIR = re.compile(r"dyno-(\d+)c-(\d+(?:\.\d+)?)gb")  # Fir's sizes say what they are: dyno-2c-8gb
DEFAULT_SIZE = "basic"
USUAL = Settings()
Mend = Callable[[str, str], str]  # the command that gives a setting a value where it is said; with "" takes it back
HELD: dict[str, Callable[[Settings], Settings]] = {  # of what a worker holds, and a way back to what is usual
    "DYNONNX_CACHE_BYTES": lambda settings: replace(settings, cache_bytes=USUAL.cache_bytes),
    "DYNONNX_INFLIGHT_BYTES": lambda settings: replace(settings, inflight_bytes=USUAL.inflight_bytes),
    "DYNONNX_MAX_BODY_BYTES": lambda settings: replace(settings, max_body_bytes=USUAL.max_body_bytes),
}


def size_named(name: str) -> Size | None:
    """A dyno's size by its name, Cedar's or Fir's; None where there is none of that name."""
    fir = FIR.fullmatch(name.lower())
    return Size(int(float(fir[2]) * 1024) * MIB, int(fir[1])) if fir else SIZES.get(name.lower())


def is_fir(name: str) -> bool:
    """Whether a dyno's size is one of Fir's."""
    return FIR.fullmatch(name.lower()) is not None


def find_in_memory(settings: Settings, size: str, models: Footprint, mend: Mend) -> Iterator[Finding]:
    """Whether the plan fits a dyno of a size; ``models``: what all model files that a push takes do."""
    have = size_named(size)
    if have is None:
        names = f"{', '.join(SIZES)}, and Fir's like dyno-2c-8gb"
        yield Finding(f"there is no dyno size {size}; there are {names}", "edit `formation` in app.json")
        return
    workers = make_plan(Box(have.memory_bytes, have.cores), settings.workers, settings.ort_threads).workers
    needs = _at_worst(settings, workers, models)
    if needs <= have.memory_bytes:
        return
    yield Finding(
        f"{workers} worker{'s' * (workers > 1)} with these models take {needs // MIB:,} MB at worst, and a {size} dyno"
        f" has {have.memory_bytes // MIB:,}",
        _less(settings, workers, have, models, mend),
    )


def _less(settings: Settings, workers: int, have: Size, models: Footprint, mend: Mend) -> str:
    """The command after which it fits: fewer workers, else a setting taken back, else a larger dyno."""
    most = _most_workers(settings, have, models)
    if most and most < workers:
        return mend("WEB_CONCURRENCY", str(most))
    for name, as_usual in HELD.items():
        if _at_worst(as_usual(settings), workers, models) <= have.memory_bytes:
            return mend(name, "")
    needs = _at_worst(settings, workers, models)
    larger = next((name for name, other in SIZES.items() if needs <= other.memory_bytes), None)
    if larger is None:
        return "serve fewer of these models from one app: git rm -r models/..."
    return f'heroku ps:type web={larger}, then make doctor ARGS="--dyno {larger}"'


def _most_workers(settings: Settings, have: Size, models: Footprint) -> int:
    each = _at_worst(settings, 1, models) - _at_worst(settings, 0, models)
    return max(0, (have.memory_bytes - _at_worst(settings, 0, models)) // each)


def _at_worst(settings: Settings, workers: int, models: Footprint) -> int:
    held = max(settings.inflight_bytes, 4 * settings.max_body_bytes) + settings.cache_bytes
    return BASE_BYTES + models.opening + workers * (WORKER_BYTES + held)
