"""Owns what one generator process leaves behind: every request with its times and outcome. Knows nothing of verdicts.

A folder holds ``<pid>.bin``, six float64 a request, and ``<pid>.json`` beside it with the outcomes' names and what is
known of the generator. Times are seconds on the machine's monotonic clock, which all its processes share.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

OK = "ok"
UNFINISHED = "unfinished"
_COLUMNS = 6
_FLUSH_VALUES = _COLUMNS * 50_000

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class GeneratorLog:
    """What one generator process says of itself; ``started`` on the monotonic clock.

    ``idle`` holds looks, four a second: the moment, and the seconds until then in which it slept, and in which it
    turned its loop for nothing while it waited for the next arrival.
    """

    started: float
    share: float
    connections: int
    idle: tuple[tuple[float, float, float], ...]

    def busy_part(self, begin: float, end: float) -> float:
        """The part of the time between two moments in which it had something to do, 0 to 1."""
        slept, spun = self._parts(begin, end)
        return min(1.0, max(0.0, 1.0 - slept - spun)) if len(self.idle) > 1 else 0.0

    def spun_part(self, begin: float, end: float) -> float:
        """The part of the time in which it kept its core busy only in order to be punctual, 0 to 1."""
        return self._parts(begin, end)[1]

    def _parts(self, begin: float, end: float) -> tuple[float, float]:
        if len(self.idle) < 2 or end <= begin:
            return 0.0, 0.0
        at, *seconds = np.array(self.idle).T
        slept, spun = (float(np.diff(np.interp([begin, end], at, each))[0]) / (end - begin) for each in seconds)
        return slept, spun


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
        self._file = (folder / f"{name}.bin").open("wb")
        self._values = array("d")
        self._outcomes = {OK: 0}

    def record(self, due: float, offered: float, sent: float, done: float, outcome: str, server_s: float) -> None:
        """Keep one request."""
        code = self._outcomes.setdefault(outcome, len(self._outcomes))
        self._values.extend((due, offered, sent, done, server_s, code))
        if len(self._values) >= _FLUSH_VALUES:
            self._flush()

    def close(self, generator: GeneratorLog) -> None:
        """Write the rest and the sidecar; a folder without a sidecar is a generator that did not end well."""
        self._flush()
        self._file.close()
        said = {"outcomes": list(self._outcomes), "generator": asdict(generator)}
        self._sidecar.write_text(json.dumps(said), "utf-8")

    def _flush(self) -> None:
        self._values.tofile(self._file)
        del self._values[:]


def read(folder: Path) -> Samples:
    """Join what all generator processes of one load left. Raises FileNotFoundError where none ended well."""
    sidecars = sorted(folder.glob("*.json"))
    if not sidecars:
        raise FileNotFoundError(f"no generator left its samples in {folder}")
    names: dict[str, int] = {OK: 0}
    tables, generators = [], []
    for sidecar in sidecars:
        said = json.loads(sidecar.read_text("utf-8"))
        generators.append(GeneratorLog(**said["generator"]))
        table = np.fromfile(sidecar.with_suffix(".bin"), np.float64).reshape(-1, _COLUMNS)
        tables.append(_renamed(table, said["outcomes"], names))
    joined = np.concatenate(tables)
    joined = joined[np.argsort(joined[:, 0], kind="stable")]
    due, offered, sent, done, server_s, outcome = joined.T
    return Samples(due, offered, sent, done, server_s, outcome.astype(np.int64), tuple(names), tuple(generators))


def _renamed(table: Floats, outcomes: Sequence[str], names: dict[str, int]) -> Floats:
    """One process's outcome codes, in the numbering that all share."""
    codes = np.array([names.setdefault(outcome, len(names)) for outcome in outcomes], np.float64)
    table[:, -1] = codes[table[:, -1].astype(np.int64)]
    return table
