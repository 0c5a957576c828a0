"""Owns what was promised beside what was measured, and how far from the bound a model is served. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from bench.baselines.lanes import DYNONNX, FASTAPI_ONNX, NGINX
from bench.load.models import WIDE, WIDE_ROWS
from bench.record.micro_record import Record, Target

FRONT = "iris"  # the model whose run is nearly free: what it costs is the front
FOREST = "breast-cancer"
BOUND = "bound"
BOUND_CONNECTIONS = 64
CROWD = 32
WIDE_CROWD = 8


class Cost(NamedTuple):
    """Microseconds a request: of the server's time on the wall, and of its processor."""

    wall: float
    cpu: float | None


class Bound(NamedTuple):
    """What serving a model costs beside the least it could: the front's cost and its share of a joined run."""

    measured: Cost
    front: Cost
    run: float  # a row's share, at the mean batch
    batch_rows: float

    @property
    def by_wall(self) -> float:
        """The part of the bound's rate that was reached."""
        return (self.front.wall + self.run) / self.measured.wall

    @property
    def by_cpu(self) -> float | None:
        """The same by processor time."""
        if self.measured.cpu is None or self.front.cpu is None:
            return None
        return (self.front.cpu + self.run) / self.measured.cpu


def targets(record: Record) -> list[Target]:
    """Every promise that this run says something about, measured or not."""
    return list(_targets(record))


def _targets(record: Record) -> Iterator[Target]:
    if FRONT in record.titles:
        for other, goal in ((FASTAPI_ONNX, 15.0), (NGINX, 0.48)):
            yield Target(
                f"one row, {CROWD} connections: requests/s against {other}",
                goal,
                True,
                record.ratio(FRONT, CROWD, DYNONNX, other, "rate"),
                record.ratio(FRONT, CROWD, other, DYNONNX, "cpu_us"),
            )
        yield Target(
            f"one row, 1 connection: median latency against {NGINX}",
            1.6,
            False,
            record.ratio(FRONT, 1, DYNONNX, NGINX, "p50_us"),
        )
    if BOUND in record.titles:
        forest = bound(record)
        yield Target(
            f"forest of 100 trees, {BOUND_CONNECTIONS} connections: requests/s against its bound",
            0.85,
            True,
            forest.by_wall if forest else None,
            forest.by_cpu if forest else None,
        )
    if WIDE in record.titles:
        over = over_bare(record)
        yield Target(
            f"JSON of 1,000 x 50, {WIDE_CROWD} connections: time against its bare parts",
            1.3,
            False,
            over.wall if over else None,
            over.cpu if over else None,
        )


def bound(record: Record) -> Bound | None:
    """Of the forest. The front is what iris costs there less its runs, and the forest's longer body more."""
    measured, iris = _cost(record, FOREST), _cost(record, FRONT)
    rows = record.middle(BOUND, FOREST, BOUND_CONNECTIONS, "batch_rows")
    iris_rows = record.middle(BOUND, FRONT, BOUND_CONNECTIONS, "batch_rows")
    if not (measured and iris and rows and iris_rows and {FOREST, FRONT} <= record.bare.keys()):
        return None
    bare, of_iris = record.bare[FOREST], record.bare[FRONT]
    more = bare.decode_us - of_iris.decode_us - of_iris.run_us_at(iris_rows) / iris_rows
    front = Cost(iris.wall + more, None if iris.cpu is None else iris.cpu + more)
    return Bound(measured, front, bare.run_us_at(rows) / rows, rows)


def over_bare(record: Record) -> Cost | None:
    """The time of a wide request as a multiple of its bare parts'."""
    if WIDE not in record.bare:
        return None
    bare = record.bare[WIDE]
    least = bare.decode_us + bare.run_us_at(WIDE_ROWS) + bare.encode_us
    rate = record.middle(WIDE, DYNONNX, WIDE_CROWD, "rate")
    cpu = record.middle(WIDE, DYNONNX, WIDE_CROWD, "cpu_us")
    return None if rate is None else Cost(1e6 / rate / least, None if cpu is None else cpu / least)


def _cost(record: Record, model: str) -> Cost | None:
    rate = record.middle(BOUND, model, BOUND_CONNECTIONS, "rate")
    return None if not rate else Cost(1e6 / rate, record.middle(BOUND, model, BOUND_CONNECTIONS, "cpu_us"))
