"""Owns the record of a run, results.json: what was measured, on what, how. Knows nothing of how it is shown.

Raise ``FORMAT`` when a reader of the old form would misread the new one.
"""

from __future__ import annotations

import itertools
import os
import platform
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from bench.errors import BenchError
from bench.record.figures import Figures, Series

FORMAT = 1
DIRECT, ROUTED = "direct", "router"


@dataclass(frozen=True, slots=True)
class Turn:
    """One system under one constant rate for a while. ``cpu_part`` 1.0 is one core; memory in MB (10^6 bytes).

    ``batch_rows`` is the mean number of rows that one run of the model took, as the server's own metrics tell.
    ``throttled_s`` is how long the dyno's processor quota held it back. ``events`` are what the suite did meanwhile:
    seconds into the turn, and what.
    """

    scenario: str
    system: str
    figures: Figures
    series: Series | None = None
    memory_mb: float | None = None
    cpu_part: float | None = None
    batch_rows: float | None = None
    throttled_s: float | None = None
    events: list[tuple[float, str]] = field(default_factory=list)
    memory_over_s: list[tuple[float, float]] = field(default_factory=list)  # seconds into the turn, MB
    way: str = DIRECT  # how the requests went: straight to the server, or through the stand-in router


@dataclass(frozen=True, slots=True)
class Knee:
    """The highest rate that was held, and the lowest that was not. None where every rate tried was held (or none)."""

    system: str
    held: float | None
    lost: float | None
    why: str | None  # what ended the climb: of the server, or of the generator
    generator_bound: bool = False
    way: str = DIRECT  # how the requests of the held rate went


@dataclass(slots=True)
class Results:
    """Everything of one run, filled as it goes on, so that an interrupted run keeps what it has."""

    command: str
    settings: dict[str, Any]
    machine: dict[str, Any]
    started: str = ""
    start_s: dict[str, float] = field(default_factory=dict)  # system -> seconds from start to first right answer
    turns: list[Turn] = field(default_factory=list)
    knees: list[Knee] = field(default_factory=list)
    peaks: dict[str, float] = field(default_factory=dict)  # system -> requests/s by wrk, closed loop
    codes: dict[str, dict[str, int]] = field(default_factory=dict)  # system -> Heroku's code -> how often
    notes: list[str] = field(default_factory=list)
    interrupted: bool = False
    format: int = FORMAT

    @property
    def systems(self) -> list[str]:
        """In the order in which they were started."""
        return list(self.start_s)

    @property
    def wrong(self) -> int:
        """How many wrong answers were given in all: a run with any is no measurement."""
        return sum(turn.figures.wrong for turn in self.turns)

    def count(self, system: str, codes: Mapping[str, int]) -> None:
        """Add what Heroku would have logged of a system."""
        known = self.codes.setdefault(system, {})
        for code, number in codes.items():
            if number:
                known[code] = known.get(code, 0) + number

    def write(self, folder: Path) -> Path:
        """Write results.json into ``folder`` by rename; its path."""
        file = folder / "results.json"
        partial = file.with_suffix(".partial")
        partial.write_bytes(orjson.dumps(asdict(self), option=orjson.OPT_INDENT_2))
        return partial.replace(file)


def new(command: str, settings: dict[str, Any]) -> Results:
    """An empty record of a run that begins now, here."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return Results(command=command, settings=settings, machine=this_machine(), started=now)


def new_folder(parent: Path) -> Path:
    """``<parent>/<time>``, made; a run of the same second gets a number behind it."""
    parent.mkdir(parents=True, exist_ok=True)
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H-%M-%SZ")
    folder = next(folder for folder in _names(parent, now) if not folder.exists())
    folder.mkdir()
    return folder


def _names(parent: Path, now: str) -> Iterator[Path]:
    yield parent / now
    yield from (parent / f"{now}-{number}" for number in itertools.count(2))


def read(file: Path) -> Results:
    """A record from results.json or from the folder that holds it. Raises BenchError where it cannot be read."""
    file = file / "results.json" if file.is_dir() else file
    try:
        said = orjson.loads(file.read_bytes())
    except FileNotFoundError:
        raise BenchError(f"no results at {file}") from None
    except orjson.JSONDecodeError as error:
        raise BenchError(f"{file} is not JSON: {error}") from None
    if not isinstance(said, dict) or said.get("format") != FORMAT:
        raise BenchError(f"{file} is not of format {FORMAT}, which this version reads")
    said["turns"] = [_turn(turn) for turn in said["turns"]]
    said["knees"] = [Knee(**knee) for knee in said["knees"]]
    return Results(**said)


def _turn(said: dict[str, Any]) -> Turn:
    said["figures"] = Figures(**said["figures"])
    said["series"] = None if said["series"] is None else Series(**said["series"])
    said["events"] = [(at, what) for at, what in said["events"]]
    said["memory_over_s"] = [(at, pss) for at, pss in said["memory_over_s"]]
    return Turn(**said)


def this_machine() -> dict[str, Any]:
    """What a reader needs to judge the numbers, and nothing that names the machine."""
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text("utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
