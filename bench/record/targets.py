"""Owns what was promised beside what was measured, and how far from the bound a model is served. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from bench.record.results import OURS, Results, Target

FASTAPI_ONNX, NGINX = "fastapi_onnx", "nginx"
FRONT = "iris"  # the model whose run is nearly free: what it costs is the front
FOREST = "breast-cancer"
WIDE, WIDE_ROWS, WIDE_CROWD = "wide", 1000, 8
BOUND, BOUND_CONNECTIONS = "bound", 64
TENSORS, BARE_RUN = "tensors", "bare run"
CROWD = 32
PATHS, PLAIN = "paths", "plain"


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


def targets(results: Results) -> list[Target]:
    """Every promise that this run says something about, measured or not."""
    return list(_targets(results))


def _targets(results: Results) -> Iterator[Target]:
    if FRONT in results.titles:
        for other, goal in ((FASTAPI_ONNX, 15.0), (NGINX, 0.48)):
            rate = results.ratio(FRONT, CROWD, OURS, other, "rate")
            by_cpu = results.ratio(FRONT, CROWD, other, OURS, "cpu_us")
            yield Target(f"one row, {CROWD} connections: requests/s against {other}", goal, True, rate, by_cpu)
        latency = results.ratio(FRONT, 1, OURS, NGINX, "p50_us")
        yield Target(f"one row, 1 connection: median latency against {NGINX}", 1.6, False, latency)
    if BOUND in results.titles:
        forest = bound(results)
        what = f"forest of 100 trees, {BOUND_CONNECTIONS} connections: requests/s against its bound"
        yield Target(what, 0.85, True, forest and forest.by_wall, forest and forest.by_cpu)
    if WIDE in results.titles:
        multiple = over_bare(results)
        what = f"JSON of 1,000 x 50, {WIDE_CROWD} connections: time against its bare parts"
        yield Target(what, 1.3, False, multiple and multiple.wall, multiple and multiple.cpu)
    if f"{TENSORS} forest" in results.titles:
        by_cpu = results.ratio(f"{TENSORS} forest", 1, OURS, BARE_RUN, "cpu_us")
        yield Target("forest, binary tensor of 1,000 x 50: CPU against the bare run", 1.5, False, by_cpu, by_cpu)


def bound(results: Results) -> Bound | None:
    """Of the forest. The front is what iris costs there less its runs, and the forest's longer body more."""
    measured, front_cost = _cost(results, FOREST), _cost(results, FRONT)
    rows = results.middle(BOUND, FOREST, BOUND_CONNECTIONS, "batch_rows")
    front_rows = results.middle(BOUND, FRONT, BOUND_CONNECTIONS, "batch_rows")
    if not (measured and front_cost and rows and front_rows and {FOREST, FRONT} <= results.bare.keys()):
        return None
    forest, front = results.bare[FOREST], results.bare[FRONT]
    more = forest.decode_us - front.decode_us - front.run_us_at(front_rows) / front_rows
    without_run = Cost(front_cost.wall + more, None if front_cost.cpu is None else front_cost.cpu + more)
    return Bound(measured, without_run, forest.run_us_at(rows) / rows, rows)


def over_bare(results: Results) -> Cost | None:
    """The time of a wide request as a multiple of its bare parts'."""
    if WIDE not in results.bare:
        return None
    bare = results.bare[WIDE]
    least = bare.decode_us + bare.run_us_at(WIDE_ROWS) + bare.encode_us
    rate, cpu = (results.middle(WIDE, OURS, WIDE_CROWD, figure) for figure in ("rate", "cpu_us"))
    return None if rate is None else Cost(1e6 / rate / least, None if cpu is None else cpu / least)


def _cost(results: Results, model: str) -> Cost | None:
    rate = results.middle(BOUND, model, BOUND_CONNECTIONS, "rate")
    return None if not rate else Cost(1e6 / rate, results.middle(BOUND, model, BOUND_CONNECTIONS, "cpu_us"))
