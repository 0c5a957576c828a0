"""Owns the record of a run, micro.json: every turn, the bare costs, what they say. Knows nothing of how it is shown."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import orjson

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Turn:
    """One server under closed-loop load for a while. Times in microseconds.

    ``cpu_us`` is the processor time of all its processes per request, ``busy`` the part of the time they ran (1.0 is
    one core), ``others`` the part of its core that other processes took; None where the kernel cannot say.
    ``batch_rows`` is the mean rows of a run, of servers that tell. ``checked`` answers were compared with the right
    ones meanwhile; ``faults`` counts what was wrong, and wrk's errors.
    """

    section: str
    lane: str
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
class Bare:
    """What a model's request costs in a process that does nothing else, in microseconds of processor time.

    ``run_us`` maps rows to one ``session.run`` of so many; ``decode_us`` is ``orjson.loads`` and ``np.array`` of one
    request body, ``encode_us`` one answer through ``orjson.dumps``.
    """

    run_us: dict[int, float]
    decode_us: float
    encode_us: float

    def run_us_at(self, rows: float) -> float:
        """A run of so many rows, between and beyond the measured ones along straight lines."""
        points = sorted(self.run_us.items())
        if len(points) == 1:
            return points[0][1]
        upper = next((at for at, point in enumerate(points) if point[0] >= rows), len(points) - 1)
        (rows_a, us_a), (rows_b, us_b) = points[max(upper, 1) - 1], points[max(upper, 1)]
        return us_a + (us_b - us_a) * (rows - rows_a) / (rows_b - rows_a)


@dataclass(frozen=True, slots=True)
class Target:
    """One promise beside what was measured: by requests per second or latency, and by processor time alone."""

    what: str
    goal: float
    at_least: bool
    measured: float | None
    by_cpu: float | None = None

    @property
    def reached(self) -> bool | None:
        """None where it was not measured."""
        if self.measured is None:
            return None
        return self.measured >= self.goal if self.at_least else self.measured <= self.goal


@dataclass(slots=True)
class Record:
    """Everything of one run, filled as it goes on, so that an interrupted run keeps what it has."""

    command: str
    settings: dict[str, Any]
    machine: dict[str, Any]
    titles: dict[str, str] = field(default_factory=dict)  # section -> what is asked of whom
    turns: list[Turn] = field(default_factory=list)
    bare: dict[str, Bare] = field(default_factory=dict)  # model -> its costs
    targets: list[Target] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    interrupted: bool = False
    format: int = FORMAT

    def of(self, section: str, lane: str, connections: int) -> list[Turn]:
        """The turns of one cell of the table, by round."""
        return [t for t in self.turns if (t.section, t.lane, t.connections) == (section, lane, connections)]

    def middle(self, section: str, lane: str, connections: int, figure: str) -> float | None:
        """The median of a turn's figure over the rounds; None where there is none."""
        return middle(getattr(turn, figure) for turn in self.of(section, lane, connections))

    def ratio(self, section: str, connections: int, lane: str, other: str, figure: str) -> float | None:
        """A figure of one lane over that of another: the median of the rounds' own ratios, so that noise cancels."""
        mine = {turn.round: getattr(turn, figure) for turn in self.of(section, lane, connections)}
        others = {turn.round: getattr(turn, figure) for turn in self.of(section, other, connections)}
        return middle(mine[at] / others[at] if mine[at] and others[at] else None for at in mine if at in others)

    @property
    def faults(self) -> dict[str, int]:
        """What was wrong over all turns, and how often: with any, the figures are no measurement."""
        counts: dict[str, int] = {}
        for turn in self.turns:
            for name, number in turn.faults.items():
                said = f"{turn.section} {turn.lane}: {name}"
                counts[said] = counts.get(said, 0) + number
        return counts

    def write(self, folder: Path) -> Path:
        """Write micro.json into ``folder`` by rename; its path."""
        said = asdict(self)
        for shown, target in zip(said["targets"], self.targets, strict=True):
            shown["reached"] = target.reached
        file = folder / "micro.json"
        partial = file.with_suffix(".partial")
        partial.write_bytes(orjson.dumps(said, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS))
        return partial.replace(file)


def middle(values: Iterable[float | None]) -> float | None:
    """The median of those that are known; None where none is."""
    known = [value for value in values if value is not None]
    return median(known) if known else None


Say = Callable[[str], None]
