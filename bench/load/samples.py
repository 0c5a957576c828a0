"""Owns what one generator process leaves behind: every request with its times and outcome. Knows nothing of verdicts.

A folder holds ``<pid>.bin``, six float64 a request, and ``<pid>.json`` beside it with the outcomes' names and what is
known of the generator. Times are seconds on the machine's monotonic clock, which all its processes share.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from struct import Struct

import numpy as np
import numpy.typing as npt

OK = "ok"
UNFINISHED = "unfinished"
_COLUMNS = 6
_BUFFER_BYTES = 1 << 20
_pack = Struct(f"={_COLUMNS}d").pack

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class GeneratorLog:
    """What one generator process says of itself; ``started`` on the monotonic clock.

    ``idle`` holds looks, four a second: the moment, and the seconds until then in which it slept, and in which it
    turned its loop for nothing while it waited for the next arrival.
    """

    started: float
    share: float
    idle: tuple[tuple[float, float, float], ...]

    def busy_part(self, begin: float, end: float) -> float:
        """The part of the time between two moments in which it had something to do, 0 to 1; 0 without two looks."""
        return min(1.0, max(0.0, 1.0 - sum(self._idle_parts(begin, end)))) if len(self.idle) > 1 else 0.0

    def spun_part(self, begin: float, end: float) -> float:
        """The part of the time in which it kept its core busy only in order to be punctual, 0 to 1."""
        return self._idle_parts(begin, end)[1]

    def _idle_parts(self, begin: float, end: float) -> list[float]:
        """Slept and spun."""
        if len(self.idle) < 2 or end <= begin:
            return [0.0, 0.0]
        at, *seconds = np.array(self.idle).T
        return [float(np.diff(np.interp([begin, end], at, each))[0]) / (end - begin) for each in seconds]


@dataclass(frozen=True, slots=True)
class Samples:
    """All requests of one load, in the order of their due times.

    ``due``: when the request was to be sent. ``offered``: when the generator handed it to its connections, so
    ``offered - due`` is the generator's own lateness. ``sent``: when a connection was free for it. ``done``: when its
    answer was complete (for an unfinished one: when it was given up). ``server_s``: the time that the server itself
    says it took (``Server-Timing``), NaN where it does not say. ``outcome`` indexes ``outcomes``; 0 is ok.
    """

    due: Floats
    offered: Floats
    sent: Floats
    done: Floats
    server_s: Floats
    outcome: npt.NDArray[np.int64]
    outcomes: tuple[str, ...]
    generators: tuple[GeneratorLog, ...]

    @property
    def started(self) -> float:
        """When the first generator process began, on the monotonic clock."""
        return min(generator.started for generator in self.generators)


class Recorder:
    """Writes samples as they come; memory stays bounded however long a soak lasts."""

    def __init__(self, folder: Path, name: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._sidecar = folder / f"{name}.json"
        self._file = (folder / f"{name}.bin").open("wb", buffering=_BUFFER_BYTES)
        self._outcomes = {OK: 0}

    def record(self, due: float, offered: float, sent: float, done: float, outcome: str, server_s: float) -> None:
        """Keep one request."""
        code = self._outcomes.setdefault(outcome, len(self._outcomes))
        self._file.write(_pack(due, offered, sent, done, server_s, code))

    def close(self, generator: GeneratorLog) -> None:
        """Write the rest and the sidecar; a folder without a sidecar is a generator that did not end well."""
        self._file.close()
        said = {"outcomes": list(self._outcomes), "generator": asdict(generator)}
        self._sidecar.write_text(json.dumps(said), "utf-8")


def read(folder: Path) -> Samples:
    """Join what all generator processes of one load left. Raises FileNotFoundError where none ended well."""
    sidecars = sorted(folder.glob("*.json"))
    if not sidecars:
        raise FileNotFoundError(f"no generator left its samples in {folder}")
    numbers, tables, generators = {OK: 0}, [], []
    for sidecar in sidecars:
        said = json.loads(sidecar.read_text("utf-8"))
        generators.append(GeneratorLog(**said["generator"]))
        table = np.fromfile(sidecar.with_suffix(".bin"), np.float64).reshape(-1, _COLUMNS)
        in_all = np.array([numbers.setdefault(outcome, len(numbers)) for outcome in said["outcomes"]])
        table[:, -1] = in_all[table[:, -1].astype(np.int64)]  # each process numbers its outcomes by itself
        tables.append(table)
    joined = np.concatenate(tables)
    joined = joined[np.argsort(joined[:, 0], kind="stable")]
    due, offered, sent, done, server_s, outcome = joined.T
    return Samples(due, offered, sent, done, server_s, outcome.astype(np.int64), tuple(numbers), tuple(generators))
