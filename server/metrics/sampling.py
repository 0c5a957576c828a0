"""Owns samples: what the server did in the last second, by the totals before and after. Knows no clock."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from server.errors import CODES
from server.metrics.durations import SUM, WIDTH, quantile
from server.metrics.families import REQUEST_SECONDS, STATUS_CLASSES
from server.metrics.layout import CELLS_OF, MODEL_OFFSETS, SERVER_OFFSETS
from server.metrics.scoreboard import Numbers, Scoreboard

QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
_PENDING = MODEL_OFFSETS["nv_inference_pending_request_count"]


def _cells(family: str, offsets: dict[str, int]) -> slice:
    return slice(offsets[family], offsets[family] + CELLS_OF[family])


_DURATIONS = _cells(REQUEST_SECONDS, MODEL_OFFSETS)
_FAILURES = _cells("nv_inference_request_failure", MODEL_OFFSETS)
_ERRORS = _cells("dynonnx_errors_total", SERVER_OFFSETS)
_ROWS, _RUNS = MODEL_OFFSETS["nv_inference_count"], MODEL_OFFSETS["nv_inference_exec_count"]
_RUN_SECONDS = MODEL_OFFSETS["dynonnx_run_seconds"] + SUM
_OVERLOADED = CODES.index("overloaded")


class Load(NamedTuple):
    """How much the server had to do in one second; of all workers.

    Seconds a second: ``loop``, that loops were busy; ``processor``, of all processes; ``run``, of the model that ran
    most; ``learned``, that the rows and runs were expected to take. ``queue``: seconds of work that wait. ``router``:
    mean seconds of a request at the router. A second: ``answered`` and ``overloaded`` predictions, and no refusals that
    anybody gets without a key, as for want of a place: who opens connections must not make an autoscaler add dynos.
    """

    loop: float
    processor: float
    run: float
    learned: float
    queue: float
    router: float
    answered: float
    overloaded: float
    workers: int


class Sampler:
    """Makes samples of all workers. ``costs``: by version, the learned seconds of a run and of a row."""

    def __init__(self, scoreboard: Scoreboard) -> None:
        self._scoreboard = scoreboard
        self._versions = list(scoreboard.blocks)
        self._blocks = list(scoreboard.blocks.values())
        self._before = self._read()

    def _read(self) -> tuple[Numbers, Numbers]:
        return self._scoreboard.server_sums(), self._scoreboard.sums(self._blocks)

    def sample(self, seconds: float, costs: dict[tuple[str, str], tuple[float, float]]) -> tuple[dict[str, Any], Load]:
        """What was done since the last call, ``seconds`` ago, as `GET /live` tells it; and the load that this was."""
        before, now = self._before, self._read()
        self._before = now
        server = np.maximum(now[0] - before[0], 0.0)  # a cell is cleared where a version goes
        blocks = np.maximum(now[1] - before[1], 0.0)
        asked = np.flatnonzero(
            blocks[:, _DURATIONS].any(axis=1) | blocks[:, _RUNS].astype(bool) | (now[1][:, _PENDING] > 0)
        )
        models: dict[str, Any] = {}
        for name in dict.fromkeys(self._versions[at][0] for at in asked.tolist()):
            own = [at for at in asked.tolist() if self._versions[at][0] == name]
            errors = float(blocks[own][:, _FAILURES].sum()) / seconds
            models[name] = {**_figures(blocks[own].sum(axis=0), now[1][own].sum(axis=0), seconds), "errors": errors}
        total = _figures(blocks[asked].sum(axis=0), now[1][asked].sum(axis=0), seconds)
        by_code = {code: count / seconds for code, count in zip(CODES, server[_ERRORS].tolist(), strict=True) if count}
        gauges = now[0]
        sample = {
            **total,
            "errors": by_code,
            "connections": int(gauges[SERVER_OFFSETS["dynonnx_connections"]]),
            "memory": int(gauges[SERVER_OFFSETS["dynonnx_memory_bytes"]]),
            "models": models,
        }
        return sample, self._load(server, gauges, blocks[asked], asked.tolist(), costs, seconds)

    def _load(
        self,
        server: Numbers,
        gauges: Numbers,
        blocks: Numbers,
        asked: list[int],
        costs: dict[tuple[str, str], tuple[float, float]],
        seconds: float,
    ) -> Load:
        learned = 0.0
        for at, block in zip(asked, blocks, strict=True):
            fixed, row = costs.get(self._versions[at], (0.0, 0.0))
            learned += float(block[_RUNS]) * fixed + float(block[_ROWS]) * row
        routed = float(server[SERVER_OFFSETS["dynonnx_router_requests_total"]])
        waited = float(server[SERVER_OFFSETS["dynonnx_router_seconds_total"]])
        return Load(
            loop=float(server[SERVER_OFFSETS["dynonnx_loop_busy_seconds_total"]]) / seconds,
            processor=float(server[SERVER_OFFSETS["process_cpu_seconds_total"]]) / seconds,
            run=float(blocks[:, _RUN_SECONDS].max(initial=0.0)) / seconds,
            learned=learned / seconds,
            queue=float(gauges[SERVER_OFFSETS["dynonnx_queue_seconds"]]),
            router=waited / routed if routed else 0.0,
            answered=sum(_counts(blocks.sum(axis=0))) / seconds,
            overloaded=float(blocks[:, _FAILURES][:, _OVERLOADED].sum()) / seconds,
            workers=self._scoreboard.serving(),
        )


def _counts(block: Numbers) -> list[float]:
    """Requests by bucket of their duration, over all routes and statuses."""
    counts: list[float] = block[_DURATIONS].reshape(-1, WIDTH)[:, :SUM].sum(axis=0).tolist()
    return counts


def _written(block: Numbers) -> list[float]:
    """Those of them that got a prediction: refusals are quick, and would hide how long it takes."""
    by_status = block[_DURATIONS].reshape(-1, len(STATUS_CLASSES), WIDTH)
    counts: list[float] = by_status[:, 0, :SUM].sum(axis=0).tolist()
    return counts


def _figures(block: Numbers, gauges: Numbers, seconds: float) -> dict[str, Any]:
    written = _written(block)
    runs = float(block[_RUNS])
    return {
        "requests": sum(_counts(block)) / seconds,
        **{name: quantile(written, share) for name, share in QUANTILES.items()},
        "rows_per_batch": float(block[_ROWS]) / runs if runs else None,
        "waiting": int(gauges[_PENDING]),
    }
