"""Owns the record of a run, results.json: what was measured, on what, how. Knows nothing of how it is shown.

Raise ``FORMAT`` when a reader of the old form would misread the new one.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import orjson
from pydantic import TypeAdapter, ValidationError

from bench.errors import BenchError
from bench.machine.watch import this_machine
from bench.record.figures import Figures, Series

FORMAT = 2
DIRECT, ROUTED = "direct", "router"
OURS = "dynonnx"
PEAK = "peak"  # the scenario of a run's closed loops; `micro` has scenarios of its own


@dataclass(frozen=True, slots=True)
class Turn:
    """One system under open-loop load for a while. ``cpu_part`` 1.0 is one core; memory in MB (10^6 bytes).

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
    formation: list[tuple[float, int, float]] = field(default_factory=list)  # at, dynos that serve, demand they tell


@dataclass(frozen=True, slots=True)
class Peak:
    """One system under closed-loop load for a while, every connection busy. Times in microseconds.

    ``cpu_us`` is the processor time of all its processes per request, ``busy`` the part of the time they ran (1.0 is
    one core), ``others`` the part of its core that other processes took; None where the kernel cannot say.
    ``batch_rows`` is the mean rows of a run, of servers that tell. ``checked`` answers were compared with the right
    ones meanwhile; ``faults`` counts what was wrong, and wrk's errors.
    """

    scenario: str
    system: str
    connections: int
    round: int
    requests: int
    rate: float
    p50_us: float
    p99_us: float
    cpu_us: float | None
    busy: float | None
    batch_rows: float | None
    others: float | None
    checked: int
    faults: dict[str, int]


@dataclass(frozen=True, slots=True)
class BareCosts:
    """What a model's request costs in a process that does nothing else, in microseconds of processor time.

    ``run_us`` maps rows to one ``session.run`` of so many; ``decode_us`` is ``orjson.loads`` and ``np.array`` of one
    request body, ``encode_us`` one answer through ``orjson.dumps``.
    """

    run_us: dict[int, float]
    decode_us: float
    encode_us: float

    def run_us_at(self, rows: float) -> float:
        """A run of so many rows, between and beyond the measured ones along straight lines."""
        if len(points := sorted(self.run_us.items())) == 1:
            return points[0][1]
        upper = next((at for at, point in enumerate(points) if point[0] >= rows), len(points) - 1)
        (rows_a, us_a), (rows_b, us_b) = points[max(upper, 1) - 1], points[max(upper, 1)]
        return us_a + (us_b - us_a) * (rows - rows_a) / (rows_b - rows_a)


@dataclass(frozen=True, slots=True)
class Target:
    """One promise beside what was measured, in ``unit``: by rate or latency, and by processor time alone."""

    what: str
    goal: float
    at_least: bool
    measured: float | None
    by_cpu: float | None = None
    unit: str = "x"

    @property
    def reached(self) -> bool | None:
        """None where it was not measured."""
        if self.measured is None:
            return None
        return self.measured >= self.goal if self.at_least else self.measured <= self.goal


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
    peaks: list[Peak] = field(default_factory=list)
    titles: dict[str, str] = field(default_factory=dict)  # micro's scenarios -> what is asked of whom
    bare: dict[str, BareCosts] = field(default_factory=dict)  # model -> its costs
    targets: list[Target] = field(default_factory=list)
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
        of_peaks = sum(number for name, number in self.faults.items() if "wrong answer" in name)
        return sum(turn.figures.wrong for turn in self.turns) + of_peaks

    @property
    def faults(self) -> dict[str, int]:
        """What was wrong in closed loops, and how often: with any, their figures are no measurement."""
        counts: Counter[str] = Counter()
        for peak in self.peaks:
            counts.update({f"{peak.scenario} {peak.system}: {name}": number for name, number in peak.faults.items()})
        return dict(counts)

    def turns_of(self, system: str, *scenarios: str) -> list[Turn]:
        """The turns of one system, of these scenarios only where any are named."""
        return [
            turn for turn in self.turns if turn.system == system and turn.scenario in (scenarios or (turn.scenario,))
        ]

    def knee_of(self, system: str) -> Knee | None:
        """Where the climb of a system ended."""
        return next((knee for knee in self.knees if knee.system == system), None)

    def peak_rate(self, system: str) -> float | None:
        """Requests/s of a system in the scenario ``peak``."""
        return middle(peak.rate for peak in self.peaks if (peak.scenario, peak.system) == (PEAK, system))

    def peaks_of(self, scenario: str, system: str, connections: int) -> list[Peak]:
        """The rounds of one cell of micro's tables."""
        key = (scenario, system, connections)
        return [peak for peak in self.peaks if (peak.scenario, peak.system, peak.connections) == key]

    def middle(self, scenario: str, system: str, connections: int, figure: str) -> float | None:
        """The median of a peak's figure over the rounds; None where there is none."""
        return middle(getattr(peak, figure) for peak in self.peaks_of(scenario, system, connections))

    def ratio(self, scenario: str, connections: int, system: str, other: str, figure: str) -> float | None:
        """A figure of one system over that of another: the median of the rounds' own ratios, so that noise cancels."""
        mine, others = (
            {peak.round: getattr(peak, figure) for peak in self.peaks_of(scenario, name, connections)}
            for name in (system, other)
        )
        return middle(mine[at] / others[at] if mine[at] and others[at] else None for at in mine if at in others)

    def count(self, system: str, codes: Mapping[str, int]) -> None:
        """Add what Heroku would have logged of a system."""
        self.codes[system] = dict(Counter(self.codes.get(system, {})) + Counter(codes))

    def write(self, folder: Path) -> Path:
        """Write results.json into ``folder`` by rename; its path."""
        record = asdict(self)
        for written, target in zip(record["targets"], self.targets, strict=True):
            written["reached"] = target.reached
        file = folder / "results.json"
        partial = file.with_suffix(".partial")
        partial.write_bytes(orjson.dumps(record, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS))
        return partial.replace(file)


def new(command: str, settings: dict[str, Any]) -> Results:
    """An empty record of a run that begins now, here."""
    return Results(command, settings, this_machine(), started=datetime.now(UTC).isoformat(timespec="seconds"))


def new_folder(parent: Path) -> Path:
    """``<parent>/<time>``, made; a run of the same second gets a number behind it."""
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H-%M-%SZ")
    names = itertools.chain([now], (f"{now}-{number}" for number in itertools.count(2)))
    folder = next(parent / name for name in names if not (parent / name).exists())
    folder.mkdir(parents=True)
    return folder


def read(file: Path) -> Results:
    """A record from results.json or from the folder that holds it. Raises BenchError where it cannot be read."""
    file = file / "results.json" if file.is_dir() else file
    try:
        record = orjson.loads(file.read_bytes())
    except FileNotFoundError:
        raise BenchError(f"no results at {file}: `python -m bench run` leaves them in bench/results/") from None
    except orjson.JSONDecodeError as error:
        raise BenchError(f"{file} is not JSON: {error}") from None
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        raise BenchError(f"{file} is not of format {FORMAT}, which this version reads")
    try:
        return TypeAdapter(Results).validate_python(record)
    except ValidationError as error:
        raise BenchError(f"{file} is not whole: {error}") from None


def middle(values: Iterable[float | None]) -> float | None:
    """The median of what was measured, None where nothing was."""
    measured = [value for value in values if value is not None]
    return median(measured) if measured else None
